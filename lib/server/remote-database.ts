import { columnsOf } from '../columns.js';
import { invalidArgument, SageDBError } from '../errors.js';
import { compileFilter, type Filter } from '../filter.js';
import { checkId, checkIds } from '../ids.js';
import { stringifyMetadata } from '../metadata.js';
import type { AsyncVectorDatabase } from '../service/database.js';
import type {
  AddBatchOptions,
  AddOptions,
  FindOptions,
  GetOptions,
  Id,
  Item,
  ItemPatch,
  JsonValue,
  LongOptions,
  Metadata,
  Metric,
  NewItem,
  Replaced,
  SearchOptions,
  SearchResult,
  Stats,
  VectorInput,
  VectorsInput,
} from '../types.js';
import { HttpClient } from './http-client.js';
import { flatten, oneVector } from './remote-vectors.js';
import { BINARY_TYPE, decodeFrame, encodeFrame } from './wire.js';

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

/** A database in another process: all asynchronous methods of `SageDB`; what is synchronous in process is not there. */
export interface RemoteDatabase<M extends object = Metadata> extends AsyncVectorDatabase<M> {
  stats(): Promise<Stats>;
}

interface Call {
  name: string;
  head?: Record<string, unknown>;
  /** JSON texts that were made already, by field. */
  texts?: Record<string, string | undefined>;
  floats?: Float32Array;
  signal?: AbortSignal | undefined;
  long?: boolean;
  write?: boolean;
}

const NO_FLOATS = new Float32Array(0);

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

  constructor(client: HttpClient, dimension: number, metric: Metric) {
    this.#client = client;
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
    return this.#call<boolean>({ name: 'update', head: { id: checkId(id) }, texts, floats, write: true });
  }

  remove(id: Id): Promise<boolean>;
  remove(ids: readonly Id[]): Promise<number>;
  async remove(target: Id | readonly Id[]): Promise<boolean | number> {
    const many = Array.isArray(target);
    const ids = many ? checkIds(target) : [checkId(target)];
    const removed = await this.#call<number>({ name: 'remove', head: { ids }, write: true });
    return many ? removed : removed === 1;
  }

  async removeWhere(filter: Filter<M>): Promise<number> {
    return this.#call<number>({ name: 'removeWhere', texts: { filter: filterText(filter) }, write: true });
  }

  async replaceWhere(filter: Filter<M>, rows: readonly NewItem<M>[], options: LongOptions = {}): Promise<Replaced> {
    const { vectors, metadata, ids } = columnsOf(rows);
    const texts = { filter: filterText(filter), metadata: metadataText(metadata) };
    const floats = flatten(vectors, this.dimension, 'rows');
    const { signal } = options;
    return this.#call<Replaced>({ name: 'replaceWhere', head: { ids }, texts, floats, signal, write: true });
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
    const items = await this.#call<(Item<M, IV> | null)[]>({ name: 'getMany', head });
    return items.map((item) => item ?? undefined);
  }

  async has(id: Id): Promise<boolean> {
    return this.#call<boolean>({ name: 'has', head: { id: checkId(id) } });
  }

  async count(filter?: Filter<M>): Promise<number> {
    return this.#call<number>({ name: 'count', texts: { filter: filterText(filter) } });
  }

  async find<IV extends boolean = false>(filter: Filter<M>, options: FindOptions<IV> = {}): Promise<Item<M, IV>[]> {
    return this.#call<Item<M, IV>[]>({ name: 'find', head: { ...options }, texts: { filter: filterText(filter) } });
  }

  async findByMetadata<IV extends boolean = false>(
    path: string,
    value: JsonValue,
    options?: FindOptions<IV>,
  ): Promise<Item<M, IV>[]> {
    if (typeof path !== 'string') throw invalidArgument('path', 'a string', path);
    return this.find({ [path]: { $eq: value } } as Filter<M>, options);
  }

  async search<IM extends boolean = true, IV extends boolean = false>(
    query: VectorInput,
    options: SearchOptions<M, IM, IV> = {},
  ): Promise<SearchResult<M, IM, IV>[]> {
    const floats = oneVector(query, this.dimension, 'query');
    return this.#call<SearchResult<M, IM, IV>[]>({ name: 'search', ...searchCall(options), floats });
  }

  async batchSearch<IM extends boolean = true, IV extends boolean = false>(
    queries: VectorsInput,
    options: SearchOptions<M, IM, IV> = {},
  ): Promise<SearchResult<M, IM, IV>[][]> {
    const floats = flatten(queries, this.dimension, 'queries');
    return this.#call<SearchResult<M, IM, IV>[][]>({ name: 'batchSearch', ...searchCall(options), floats });
  }

  /** `onProgress` is not called: the server answers when it is done. */
  async buildIndex(options: LongOptions = {}): Promise<void> {
    await this.#call({ name: 'buildIndex', signal: options.signal, long: true, write: true });
  }

  async optimize(options: LongOptions = {}): Promise<void> {
    await this.#call({ name: 'optimize', signal: options.signal, long: true, write: true });
  }

  async flush(): Promise<void> {
    await this.#call({ name: 'flush', write: true });
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
    return this.#call<Id>({ name, head, texts, floats: oneVector(vector, this.dimension, 'vector'), write: true });
  }

  async #putBatch(
    name: string,
    vectors: VectorsInput,
    metadata: readonly (M | undefined)[] | undefined,
    options: AddBatchOptions = {},
  ): Promise<Id[]> {
    const { ids, signal } = options;
    const head = ids === undefined ? {} : { ids: checkIds(ids) };
    const texts = { metadata: metadataText(metadata) };
    const floats = flatten(vectors, this.dimension, 'vectors');
    return this.#call<Id[]>({ name, head, texts, floats, signal, write: true });
  }

  async #call<T>(call: Call): Promise<T> {
    const head = headText(call.head ?? {}, call.texts ?? {});
    const binary = call.floats !== undefined;
    const response = await this.#client.send({
      method: 'POST',
      path: `/v1/${call.name}`,
      type: binary ? BINARY_TYPE : 'application/json',
      accept: call.head?.includeVector === true ? BINARY_TYPE : 'application/json',
      body: binary ? encodeFrame(head, call.floats!) : [Buffer.from(head)],
      signal: call.signal,
      ...(call.long === true ? { timeoutMs: 0 } : {}),
      repeatable: call.write !== true,
    });
    return parseResult(response, this.dimension) as T;
  }
}

function searchCall<M extends object>(options: SearchOptions<M>): Pick<Call, 'head' | 'texts' | 'signal'> {
  const { signal, filter, ...head } = options;
  return { head, texts: { filter: filterText(filter) }, signal };
}

function metadataText(list: readonly (object | undefined)[] | undefined): string | undefined {
  const texts = list?.map((entry, i) => (entry === undefined ? 'null' : stringifyMetadata(entry, `metadata[${i}]`)));
  return texts && `[${texts.join(',')}]`;
}

/** Checked like a local filter: what plain JSON would drop without a word must not reach a `removeWhere`. */
function filterText(filter: object | undefined): string | undefined {
  return filter === undefined ? undefined : compileFilter(filter);
}

function headText(head: Record<string, unknown>, texts: Record<string, string | undefined>): string {
  const fields = Object.entries(head)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `"${name}":${jsonText(name, value)}`);
  for (const [name, text] of Object.entries(texts)) {
    if (text !== undefined) fields.push(`"${name}":${text}`);
  }
  return `{${fields.join(',')}}`;
}

/** What JSON would change or drop without a word is refused; what the server does not know, it refuses itself. */
function jsonText(name: string, value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalidArgument(name, 'a finite number', value);
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw invalidArgument(name, 'a value that can be sent to a server', value);
  return text;
}

function parseResult(response: { type: string; body: Buffer }, dimension: number): unknown {
  try {
    if (!response.type.startsWith(BINARY_TYPE))
      return (JSON.parse(response.body.toString()) as { result: unknown }).result;
    const { head, floats } = decodeFrame(response.body);
    return withVectors((head as { result: unknown }).result, floats, dimension);
  } catch (cause) {
    throw new SageDBError('UNAVAILABLE', 'the answer is not one of a SageDB server', { cause });
  }
}

/** Puts the vectors of a binary answer back where `true` stands for them, in order. */
function withVectors(result: unknown, floats: Float32Array, dimension: number): unknown {
  let next = 0;
  const fill = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const entry of value) fill(entry);
    } else if (typeof value === 'object' && value !== null && 'vector' in value) {
      value.vector = floats.slice(next * dimension, ++next * dimension);
    }
  };
  fill(result);
  return result;
}
