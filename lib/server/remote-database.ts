import { columnsOf } from '../columns.js';
import { invalidArgument } from '../errors.js';
import { exportItems } from '../export.js';
import type { Filter } from '../filter.js';
import { checkId, checkIds } from '../ids.js';
import { importItems } from '../import.js';
import { stringifyMetadata } from '../metadata.js';
import type { AsyncVectorDatabase } from '../service/database.js';
import type {
  AddBatchOptions,
  AddOptions,
  DuplicateOptions,
  ExplainedSearch,
  ExportOptions,
  FindOptions,
  GetOptions,
  Id,
  ImportItem,
  ImportOptions,
  Item,
  ItemPatch,
  IterateOptions,
  JsonValue,
  LongOptions,
  Metadata,
  Metric,
  NewItem,
  RawBatchSearchResult,
  RawSearchOptions,
  RawSearchResult,
  RefinedSearchOptions,
  Replaced,
  SearchOptions,
  SearchQuery,
  SearchResult,
  Stats,
  VectorInput,
  VectorsInput,
} from '../types.js';
import { HttpClient } from './http-client.js';
import { RemoteCalls } from './remote-calls.js';
import { rawBatch, rawHits, type SentBatch, type SentHits } from './remote-raw.js';
import { filterText, searchCall, searchRemotely } from './remote-search.js';
import { flatten, oneVector } from './remote-vectors.js';
import { NO_FLOATS } from './wire.js';

export interface ConnectOptions {
  /** The server's token. */
  token?: string;
  /** Milliseconds to wait for an answer; index builds are exempt. Default 60,000. */
  timeout?: number;
  /** Connections to the server at most. Default 64. */
  maxConnections?: number;
  /** Certificate authorities to trust, besides or instead of the system's. */
  ca?: string | Buffer;
}

/** A database in another process: all asynchronous methods of `SageDB`, with the same signatures; what is synchronous there is not here. */
export interface RemoteDatabase<M extends object = Metadata> extends AsyncVectorDatabase<M> {
  stats(): Promise<Stats>;
  search<IM extends boolean = true, IV extends boolean = false>(
    query: SearchQuery<M, IM, IV>,
    options: RefinedSearchOptions<M, IM, IV> & { explain: true },
  ): Promise<ExplainedSearch<M, IM, IV>>;
  search<IM extends boolean = true, IV extends boolean = false>(
    query: SearchQuery<M, IM, IV>,
    options?: RefinedSearchOptions<M, IM, IV>,
  ): Promise<SearchResult<M, IM, IV>[]>;
  searchRaw(query: VectorInput, options?: RawSearchOptions<M>): Promise<RawSearchResult>;
  batchSearchRaw(queries: VectorsInput, options?: RawSearchOptions<M>): Promise<RawBatchSearchResult>;
  /** As in process; the server sends on while the loop takes items, and stops when it is left. */
  iterate<IV extends boolean = false>(
    filter?: Filter<M>,
    options?: IterateOptions<IV>,
  ): AsyncGenerator<Item<M, IV>, void, undefined>;
  findDuplicates(options: DuplicateOptions<M>): Promise<Id[][]>;
  refresh(): Promise<boolean>;
  verify(options?: LongOptions): Promise<void>;
  /** Writes files here, not on the server's machine. */
  export(target: string, options?: ExportOptions<M>): Promise<number>;
  /** Reads files from here, not from the server's machine. */
  import(
    source: string | Iterable<ImportItem<M>> | AsyncIterable<ImportItem<M>>,
    options?: ImportOptions,
  ): Promise<number>;
}

/** Connects to a server and asks what it serves. */
export async function connect<M extends object = Metadata>(
  url: string | URL,
  options: ConnectOptions = {},
): Promise<RemoteDatabase<M>> {
  const base = parseUrl(url);
  const { token, timeout: timeoutMs = 60_000, maxConnections = 64, ca } = options;
  if (!(timeoutMs > 0)) throw invalidArgument('timeout', 'milliseconds above 0', timeoutMs);
  if (!(maxConnections >= 1)) throw invalidArgument('maxConnections', 'a positive integer', maxConnections);
  const client = new HttpClient(base, { token, timeoutMs, maxConnections, ca });
  try {
    const { dimension, metric } = await readStats(client);
    return new RemoteSageDB<M>(client, dimension, metric);
  } catch (error) {
    client.close();
    throw error;
  }
}

function parseUrl(url: string | URL): URL {
  try {
    const base = new URL(url);
    if (base.protocol === 'http:' || base.protocol === 'https:') return base;
  } catch {
    // Reported below.
  }
  throw invalidArgument('url', 'an http or https URL', String(url));
}

async function readStats(client: HttpClient): Promise<Stats> {
  const response = await client.send({
    method: 'GET',
    path: '/v1/stats',
    accept: 'application/json',
    body: [],
    signal: undefined,
    repeatable: true,
  });
  return (JSON.parse(response.body.toString()) as { result: Stats }).result;
}

class RemoteSageDB<M extends object> implements RemoteDatabase<M> {
  readonly dimension: number;
  readonly metric: Metric;
  readonly #client: HttpClient;
  readonly #calls: RemoteCalls;

  constructor(client: HttpClient, dimension: number, metric: Metric) {
    this.#client = client;
    this.#calls = new RemoteCalls(client, dimension);
    this.dimension = dimension;
    this.metric = metric;
  }

  stats(): Promise<Stats> {
    return readStats(this.#client);
  }

  add(vector: VectorInput, metadata?: M, options?: AddOptions<undefined>): Promise<number>;
  add<I extends Id>(vector: VectorInput, metadata: M | undefined, options: AddOptions<I> & { id: I }): Promise<I>;
  add(vector: VectorInput, metadata?: M, options?: AddOptions): Promise<Id>;
  add(vector: VectorInput, metadata?: M, options?: AddOptions): Promise<Id> {
    return this.#put('add', vector, metadata, options);
  }

  upsert(vector: VectorInput, metadata?: M, options?: AddOptions<undefined>): Promise<number>;
  upsert<I extends Id>(vector: VectorInput, metadata: M | undefined, options: AddOptions<I> & { id: I }): Promise<I>;
  upsert(vector: VectorInput, metadata?: M, options?: AddOptions): Promise<Id>;
  upsert(vector: VectorInput, metadata?: M, options?: AddOptions): Promise<Id> {
    return this.#put('upsert', vector, metadata, options);
  }

  addBatch(vectors: VectorsInput, metadata?: readonly (M | undefined)[], options?: AddBatchOptions): Promise<Id[]> {
    return this.#putBatch('addBatch', vectors, metadata, options);
  }

  upsertBatch(vectors: VectorsInput, metadata?: readonly (M | undefined)[], options?: AddBatchOptions): Promise<Id[]> {
    return this.#putBatch('upsertBatch', vectors, metadata, options);
  }

  async update(id: Id, patch: ItemPatch<M>): Promise<boolean> {
    const { vector, metadata } = patch;
    if (vector === undefined && metadata === undefined) {
      throw invalidArgument('patch', 'a vector, metadata or both', patch);
    }
    const floats = vector === undefined ? NO_FLOATS : oneVector(vector, this.dimension, 'vector');
    const texts = { metadata: metadata === undefined ? undefined : stringifyMetadata(metadata) };
    return this.#calls.run<boolean>({ name: 'update', head: { id: checkId(id) }, texts, floats, write: true });
  }

  remove(id: Id): Promise<boolean>;
  remove(ids: readonly Id[]): Promise<number>;
  async remove(target: Id | readonly Id[]): Promise<boolean | number> {
    const many = Array.isArray(target);
    const ids = many ? checkIds(target) : [checkId(target)];
    const removed = await this.#calls.run<number>({ name: 'remove', head: { ids }, write: true });
    return many ? removed : removed === 1;
  }

  async removeWhere(filter: Filter<M>): Promise<number> {
    return this.#calls.run<number>({ name: 'removeWhere', texts: { filter: filterText(filter) }, write: true });
  }

  async replaceWhere(filter: Filter<M>, rows: readonly NewItem<M>[], options: LongOptions = {}): Promise<Replaced> {
    const { vectors, metadata, ids } = columnsOf(rows);
    const texts = { filter: filterText(filter), metadata: metadataText(metadata) };
    const floats = flatten(vectors, this.dimension, 'rows');
    const { signal, onProgress } = options;
    return this.#calls.run<Replaced>({
      name: 'replaceWhere',
      head: { ids },
      texts,
      floats,
      signal,
      onProgress,
      write: true,
    });
  }

  async get<IV extends boolean = false>(id: Id, options?: GetOptions<IV>): Promise<Item<M, IV> | undefined> {
    const [item] = await this.getMany([checkId(id)], options);
    return item;
  }

  async getMany<IV extends boolean = false>(
    ids: readonly Id[],
    options: GetOptions<IV> = {},
  ): Promise<(Item<M, IV> | undefined)[]> {
    const head = { ids: checkIds(ids), includeVector: options.includeVector };
    const items = await this.#calls.run<(Item<M, IV> | null)[]>({ name: 'getMany', head });
    return items.map((item) => item ?? undefined);
  }

  async has(id: Id): Promise<boolean> {
    return this.#calls.run<boolean>({ name: 'has', head: { id: checkId(id) } });
  }

  async count(filter?: Filter<M>): Promise<number> {
    return this.#calls.run<number>({ name: 'count', texts: { filter: filterText(filter) } });
  }

  async find<IV extends boolean = false>(filter: Filter<M>, options: FindOptions<IV> = {}): Promise<Item<M, IV>[]> {
    return this.#calls.run<Item<M, IV>[]>({
      name: 'find',
      head: { ...options },
      texts: { filter: filterText(filter) },
    });
  }

  async findByMetadata<IV extends boolean = false>(
    path: string,
    value: JsonValue,
    options?: FindOptions<IV>,
  ): Promise<Item<M, IV>[]> {
    if (typeof path !== 'string') throw invalidArgument('path', 'a string', path);
    return this.find({ [path]: { $eq: value } } as Filter<M>, options);
  }

  search<IM extends boolean = true, IV extends boolean = false>(
    query: SearchQuery<M, IM, IV>,
    options: RefinedSearchOptions<M, IM, IV> & { explain: true },
  ): Promise<ExplainedSearch<M, IM, IV>>;
  search<IM extends boolean = true, IV extends boolean = false>(
    query: SearchQuery<M, IM, IV>,
    options?: RefinedSearchOptions<M, IM, IV>,
  ): Promise<SearchResult<M, IM, IV>[]>;
  search(query: unknown, options?: unknown): Promise<never> {
    return searchRemotely(query, options, this.metric, this.#calls) as Promise<never>;
  }

  async searchRaw(query: VectorInput, options: RawSearchOptions<M> = {}): Promise<RawSearchResult> {
    const floats = oneVector(query, this.dimension, 'query');
    const answer = await this.#calls.frame<SentHits>({ name: 'searchRaw', ...searchCall(options), floats });
    return rawHits(answer.result, answer.floats);
  }

  async batchSearchRaw(queries: VectorsInput, options: RawSearchOptions<M> = {}): Promise<RawBatchSearchResult> {
    const floats = flatten(queries, this.dimension, 'queries');
    const answer = await this.#calls.frame<SentBatch>({ name: 'batchSearchRaw', ...searchCall(options), floats });
    return rawBatch(answer.result, answer.floats);
  }

  async *iterate<IV extends boolean = false>(
    filter?: Filter<M>,
    options?: IterateOptions<IV>,
  ): AsyncGenerator<Item<M, IV>, void, undefined> {
    yield* this.#calls.items<Item<M, IV>>({
      name: 'iterate',
      head: { ...options },
      texts: { filter: filterText(filter) },
    });
  }

  async findDuplicates(options: DuplicateOptions<M>): Promise<Id[][]> {
    const { signal, onProgress, filter, ...head } = options;
    const texts = { filter: filterText(filter) };
    return this.#calls.run<Id[][]>({ name: 'findDuplicates', head, texts, signal, onProgress, long: true });
  }

  async refresh(): Promise<boolean> {
    return this.#calls.run<boolean>({ name: 'refresh' });
  }

  async verify(options: LongOptions = {}): Promise<void> {
    await this.#calls.run({ name: 'verify', ...options, long: true });
  }

  async export(target: string, options?: ExportOptions<M>): Promise<number> {
    return exportItems(this as never, target, options);
  }

  async import(
    source: string | Iterable<ImportItem<M>> | AsyncIterable<ImportItem<M>>,
    options?: ImportOptions,
  ): Promise<number> {
    return importItems(this as never, source, options);
  }

  async batchSearch<IM extends boolean = true, IV extends boolean = false>(
    queries: VectorsInput,
    options: SearchOptions<M, IM, IV> = {},
  ): Promise<SearchResult<M, IM, IV>[][]> {
    const floats = flatten(queries, this.dimension, 'queries');
    return this.#calls.run<SearchResult<M, IM, IV>[][]>({ name: 'batchSearch', ...searchCall(options), floats });
  }

  async buildIndex(options: LongOptions = {}): Promise<void> {
    await this.#calls.run({ name: 'buildIndex', ...options, long: true, write: true });
  }

  async optimize(options: LongOptions = {}): Promise<void> {
    await this.#calls.run({ name: 'optimize', ...options, long: true, write: true });
  }

  async flush(): Promise<void> {
    await this.#calls.run({ name: 'flush', write: true });
  }

  /** Lets go of the connections; the server's database stays open. */
  async close(): Promise<void> {
    this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #put(name: string, vector: VectorInput, metadata: M | undefined, options: AddOptions = {}): Promise<Id> {
    const head = options.id === undefined ? {} : { id: checkId(options.id) };
    const texts = { metadata: metadata === undefined ? undefined : stringifyMetadata(metadata) };
    return this.#calls.run<Id>({ name, head, texts, floats: oneVector(vector, this.dimension, 'vector'), write: true });
  }

  async #putBatch(
    name: string,
    vectors: VectorsInput,
    metadata: readonly (M | undefined)[] | undefined,
    options: AddBatchOptions = {},
  ): Promise<Id[]> {
    const { ids, signal, onProgress } = options;
    const head = ids === undefined ? {} : { ids: checkIds(ids) };
    const texts = { metadata: metadataText(metadata) };
    const floats = flatten(vectors, this.dimension, 'vectors');
    return this.#calls.run<Id[]>({ name, head, texts, floats, signal, onProgress, write: true });
  }
}

function metadataText(list: readonly (object | undefined)[] | undefined): string | undefined {
  const texts = list?.map((entry, i) => (entry === undefined ? 'null' : stringifyMetadata(entry, `metadata[${i}]`)));
  return texts && `[${texts.join(',')}]`;
}
