import { CallGate } from './call-gate.js';
import { findDuplicates } from './duplicates.js';
import { invalidArgument, SageDBError } from './errors.js';
import { exportItems } from './export.js';
import { compileFilter, type Filter } from './filter.js';
import { findSpec, iterateSpec } from './find-options.js';
import { checkId, checkIds } from './ids.js';
import { importItems } from './import.js';
import { type SearchContext, searchItems } from './item-search.js';
import { Maintenance } from './maintenance.js';
import { attachNative, type NativeDatabase, openNative } from './native.js';
import { operations } from './observability/channels.js';
import { booleanOf, openOptions, pathOf, readOptions } from './options.js';
import { Reads } from './reads.js';
import { asRaw, asRows, joinRaw } from './results.js';
import { Searches } from './search.js';
import { type SearchSpec, searchSpec } from './search-options.js';
import type { ConnectOptions, RemoteDatabase } from './server/remote-database.js';
import { infoOf, type Layout, layoutOf, queriesOf, queryOf } from './spaces.js';
import { toStats } from './stats.js';
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
  ItemVector,
  ItemVectors,
  IterateOptions,
  JsonValue,
  LongOptions,
  Metadata,
  Metric,
  NewItem,
  OpenOptions,
  OpenPathOptions,
  OpenSpacesOptions,
  RawBatchSearchResult,
  RawSearchOptions,
  RawSearchResult,
  RefinedSearchOptions,
  Replaced,
  SearchOptions,
  SearchQuery,
  SearchResult,
  SpaceInfo,
  Stats,
  SyncSearchOptions,
  VectorDatabase,
  VectorInput,
  VectorsInput,
} from './types.js';
import type { VectorSource } from './vectors.js';
import { WRITE, WriteQueue } from './write-queue.js';
import { put, putBatch, remove, removeWhere, replaceWhere, update, type WriteContext } from './writes.js';

/** Node 20.0 – 20.4 have no such symbol; `await using` compiled for them looks for this one. */
const asyncDispose: typeof Symbol.asyncDispose = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** Only open() and attach() hold it. */
const opened = Symbol('opened');

/**
 * An in-process vector database.
 *
 * ```ts
 * await using db = await SageDB.open<{ title: string }>({ dimension: 768 });
 * await db.add(vector, { title: 'First' });
 * const [best] = await db.search(query, { k: 1 });
 * ```
 *
 * Every method may be called at any time, without awaiting earlier calls. Writes of one database object take effect in the order of the calls; a
 * write that was acknowledged is seen by every later read and search, in every thread. Searches never wait for writes or index builds. Input is
 * copied before a call returns, except as noted at `addBatch` and `batchSearch`.
 */
export class SageDB<M extends object = Metadata, S extends string = never> implements VectorDatabase<M, S> {
  readonly #native: NativeDatabase;
  readonly #layout: Layout;
  readonly #writes: WriteQueue;
  readonly #writing: WriteContext;
  readonly #reads: Reads;
  readonly #searches: Searches;
  readonly #items: SearchContext;
  readonly #maintenance: Maintenance;
  readonly #gate = new CallGate(this, () => this.stats());

  /** @internal Use `SageDB.open` or `SageDB.attach`. */
  constructor(token: typeof opened, database: NativeDatabase) {
    if (token !== opened) throw new SageDBError('INVALID_ARGUMENT', 'SageDB: use SageDB.open() or SageDB.attach()');
    this.#native = database;
    const layout = layoutOf(database);
    const requireOpen = () => this.#gate.requireOpen();
    this.#layout = layout;
    this.#writes = new WriteQueue(database);
    this.#writing = { queue: this.#writes, layout, requireOpen };
    this.#reads = new Reads(database, layout);
    this.#searches = new Searches(database, layout);
    this.#maintenance = new Maintenance(database, requireOpen);
    this.#items = { layout, requireOpen, searches: this.#searches, reads: this.#reads };
  }

  /**
   * Rejects with `INVALID_ARGUMENT`, or `UNAVAILABLE` when there is no addon for this platform. With `spaces` items have several vectors;
   * the compiler knows their names where it infers them or they are given: `open<Meta, 'title' | 'image'>({ path })`.
   */
  static open<M extends object = Metadata, S extends string = string>(
    options: OpenSpacesOptions<S>,
  ): Promise<SageDB<M, S>>;
  static open<M extends object = Metadata, S extends string = never>(
    options: OpenOptions | OpenPathOptions,
  ): Promise<SageDB<M, S>>;
  static async open<M extends object, S extends string>(options: object): Promise<SageDB<M, S>> {
    return new SageDB<M, S>(opened, await openNative(openOptions(options)));
  }

  /**
   * The database that another thread of this process has open, by its `handle` (pass it as `workerData` or in a message): one copy of the
   * data, all threads searching and writing. Throws `NOT_FOUND` when it is not open any more.
   *
   * Closing an attached database lets go of this thread's share only. Closing the one that `open` gave closes it for every thread.
   * When its thread ends without closing, the attached ones carry on.
   */
  static attach<M extends object = Metadata, S extends string = never>(handle: string): SageDB<M, S> {
    if (typeof handle !== 'string') throw invalidArgument('handle', 'a string', handle);
    return new SageDB<M, S>(opened, attachNative(handle));
  }

  /**
   * A database that another process serves (`createServer` of `sagedb/server`): the same asynchronous methods. What answers at once here,
   * `size`, `stats()`, `searchSync`, or is of this machine, `handle`, `snapshot`, is not there or gives a promise.
   */
  static async connect<M extends object = Metadata>(
    url: string | URL,
    options?: ConnectOptions,
  ): Promise<RemoteDatabase<M>> {
    // Loaded with the first use: a program without a server does not pay for the client.
    return (await import('./server/remote-database.js')).connect<M>(url, options);
  }

  get dimension(): number {
    return this.#layout.dimension;
  }

  get metric(): Metric {
    return this.#layout.metric;
  }

  /** The named spaces; empty without. */
  get spaces(): Readonly<Record<S, SpaceInfo>> {
    return infoOf(this.#layout);
  }

  /** What `SageDB.attach` takes in another thread of this process. */
  get handle(): string {
    return this.#native.handle();
  }

  get size(): number {
    return this.#gate.ask(() => this.#native.size());
  }

  get indexVersion(): number {
    return this.#gate.ask(() => this.#native.indexVersion());
  }

  stats(): Stats {
    return this.#gate.ask(() => toStats(this.#native.stats(), this.#layout));
  }

  add(vector: ItemVector<S>, metadata?: M, options?: AddOptions<undefined>): Promise<number>;
  add<I extends Id>(vector: ItemVector<S>, metadata: M | undefined, options: AddOptions<I> & { id: I }): Promise<I>;
  add(vector: ItemVector<S>, metadata?: M, options?: AddOptions): Promise<Id>;
  add(vector: ItemVector<S>, metadata?: M, options?: AddOptions): Promise<Id> {
    return this.#gate.attempt(() => put(this.#writing, WRITE.add, vector, metadata, options), operations.add);
  }

  upsert(vector: ItemVector<S>, metadata?: M, options?: AddOptions<undefined>): Promise<number>;
  upsert<I extends Id>(vector: ItemVector<S>, metadata: M | undefined, options: AddOptions<I> & { id: I }): Promise<I>;
  upsert(vector: ItemVector<S>, metadata?: M, options?: AddOptions): Promise<Id>;
  upsert(vector: ItemVector<S>, metadata?: M, options?: AddOptions): Promise<Id> {
    return this.#gate.attempt(() => put(this.#writing, WRITE.upsert, vector, metadata, options), operations.upsert);
  }

  /**
   * Adds all vectors or none, visible at once; resolves with their ids.
   *
   * Input of up to 1 MiB of 32-bit floats is copied before the call returns. Larger input is copied in slices of about a millisecond,
   * with turns of the event loop between them: leave vectors, metadata and ids unchanged until the promise settles.
   *
   * `signal` takes the batch back whole as long as its commit has not begun; an abort that comes later is ignored, and the promise
   * resolves. `onProgress` counts rows taken over; after its last call only the commit remains.
   */
  addBatch(vectors: ItemVectors<S>, metadata?: readonly (M | undefined)[], options?: AddBatchOptions): Promise<Id[]> {
    return this.#gate.attempt(
      () => putBatch(this.#writing, WRITE.add, vectors, metadata, options),
      operations.addBatch,
    );
  }

  /** As `addBatch`; an existing id has its whole item replaced. */
  upsertBatch(
    vectors: ItemVectors<S>,
    metadata?: readonly (M | undefined)[],
    options?: AddBatchOptions,
  ): Promise<Id[]> {
    return this.#gate.attempt(
      () => putBatch(this.#writing, WRITE.upsert, vectors, metadata, options),
      operations.upsertBatch,
    );
  }

  update(id: Id, patch: ItemPatch<M, S>): Promise<boolean> {
    return this.#gate.attempt(() => update(this.#writing, id, patch), operations.update);
  }

  remove(id: Id): Promise<boolean>;
  remove(ids: readonly Id[]): Promise<number>;
  remove(target: Id | readonly Id[]): Promise<boolean | number> {
    return this.#gate.attempt(() => remove(this.#writing, target), operations.remove);
  }

  removeWhere(filter: Filter<M>): Promise<number> {
    return this.#gate.attempt(() => removeWhere(this.#writing, this.#filter(filter)), operations.removeWhere);
  }

  /**
   * Takes every matching item out and puts `rows` in, as one step: a document is ingested anew and no reader ever sees it gone, half
   * there or twice. An id may come back; one of an item that the filter does not match is `DUPLICATE_ID`. Options as for `addBatch`.
   */
  replaceWhere(filter: Filter<M>, rows: readonly NewItem<M, S>[], options?: LongOptions): Promise<Replaced> {
    return this.#gate.attempt(
      () => replaceWhere(this.#writing, this.#filter(filter), rows, options),
      operations.replaceWhere,
    );
  }

  get<IV extends boolean = false>(id: Id, options?: GetOptions<IV>): Promise<Item<M, IV, S> | undefined> {
    return this.#gate.attempt(async () => {
      const [item] = await this.#getAll([checkId(id)], options);
      return item as Item<M, IV, S> | undefined;
    });
  }

  /** Items in the order of `ids`, undefined for those that do not exist. */
  getMany<IV extends boolean = false>(
    ids: readonly Id[],
    options?: GetOptions<IV>,
  ): Promise<(Item<M, IV, S> | undefined)[]> {
    return this.#gate.attempt(() => this.#getAll(checkIds(ids), options) as Promise<(Item<M, IV, S> | undefined)[]>);
  }

  has(id: Id): Promise<boolean> {
    return this.#gate.attempt(async () => {
      const checked = checkId(id);
      this.#gate.requireOpen();
      const [found] = await this.#reads.has([checked]);
      return found as boolean;
    });
  }

  count(filter?: Filter<M>): Promise<number> {
    return this.#gate.attempt(() => {
      const text = filter === undefined ? undefined : this.#filter(filter);
      this.#gate.requireOpen();
      return this.#reads.count(text);
    });
  }

  /** Items that match, in the order of their latest change unless `orderBy` says otherwise. */
  find<IV extends boolean = false>(filter: Filter<M>, options?: FindOptions<IV>): Promise<Item<M, IV, S>[]> {
    return this.#gate.attempt(() => {
      const spec = findSpec(options);
      const text = this.#filter(filter);
      this.#gate.requireOpen();
      return this.#reads.find(text, spec) as Promise<Item<M, IV, S>[]>;
    });
  }

  /** Items whose field at a path equals `value`, or has it as an element. By prefix: `find({ [path]: { $startsWith: text } })`. */
  findByMetadata<IV extends boolean = false>(
    path: string,
    value: JsonValue,
    options?: FindOptions<IV>,
  ): Promise<Item<M, IV, S>[]> {
    if (typeof path !== 'string') return Promise.reject(invalidArgument('path', 'a string', path));
    return this.find({ [path]: { $eq: value } } as Filter<M>, options);
  }

  /**
   * Every matching item, one after the other, all from the snapshot of the first step: later writes do not show. Memory stays at a page;
   * the snapshot is let go when the iterator ends or is broken off (`break`, `return()`).
   *
   * ```ts
   * for await (const item of db.iterate({ year: { $gte: 2020 } })) console.log(item.id);
   * ```
   */
  async *iterate<IV extends boolean = false>(
    filter?: Filter<M>,
    options?: IterateOptions<IV>,
  ): AsyncGenerator<Item<M, IV, S>, void, undefined> {
    this.#gate.requireOpen();
    const spec = iterateSpec(options);
    const text = filter === undefined ? undefined : this.#filter(filter);
    yield* this.#reads.iterate(text, spec, () => this.#gate.requireOpen()) as AsyncGenerator<
      Item<M, IV, S>,
      void,
      undefined
    >;
  }

  /**
   * The k nearest items, best first; equal scores in the order of their ids (numbers before strings).
   * Searches made while others are under way are answered together, from one snapshot, on all cores.
   *
   * The query is a vector, items to be like (`{ id }`, `{ positive: ids, negative: ids }`), or a text with or without a vector
   * (`{ text, vector }`). `explain: true` tells how it was answered.
   */
  search<IM extends boolean = true, IV extends boolean = false>(
    query: SearchQuery<M, IM, IV, S>,
    options: RefinedSearchOptions<M, IM, IV, S> & { explain: true },
  ): Promise<ExplainedSearch<M, IM, IV, S>>;
  search<IM extends boolean = true, IV extends boolean = false>(
    query: SearchQuery<M, IM, IV, S>,
    options?: RefinedSearchOptions<M, IM, IV, S>,
  ): Promise<SearchResult<M, IM, IV, S>[]>;
  search(query: unknown, options?: unknown): Promise<never> {
    return this.#gate.attempt(() => searchItems(query, options, this.#items) as Promise<never>, operations.search);
  }

  /** The same hits as typed arrays: for callers that need no objects. */
  searchRaw(query: VectorInput, options?: RawSearchOptions<M, S>): Promise<RawSearchResult> {
    return this.#gate.attempt(
      () => this.#searches.one(query, this.#spec(options, true, false), asRaw),
      operations.search,
    );
  }

  /** Blocks the calling thread: for scripts and worker threads that prefer microseconds to a promise. */
  searchSync<IM extends boolean = true, IV extends boolean = false>(
    query: VectorInput,
    options?: SyncSearchOptions<M, IM, IV, S>,
  ): SearchResult<M, IM, IV, S>[] {
    return this.#gate.ask(() => {
      const spec = this.#spec(options, false, true);
      const floats = queryOf(this.#layout, query, spec.space);
      this.#gate.requireOpen();
      return this.#searches.oneSync(floats, spec, asRows) as SearchResult<M, IM, IV, S>[];
    });
  }

  /**
   * Result i belongs to query i. Up to 1,024 queries are answered from one snapshot.
   * Input of up to 1 MiB is copied before the call returns; leave larger input unchanged until the promise settles.
   */
  batchSearch<IM extends boolean = true, IV extends boolean = false>(
    queries: VectorsInput,
    options?: SearchOptions<M, IM, IV, S>,
  ): Promise<SearchResult<M, IM, IV, S>[][]> {
    return this.#gate.attempt(() => {
      const spec = this.#spec(options, false, false);
      return this.#searches.many(this.#source(queries, spec.space), spec, asRows) as Promise<
        SearchResult<M, IM, IV, S>[][]
      >;
    }, operations.batchSearch);
  }

  batchSearchRaw(queries: VectorsInput, options?: RawSearchOptions<M, S>): Promise<RawBatchSearchResult> {
    return this.#gate.attempt(async () => {
      const spec = this.#spec(options, true, false);
      return joinRaw(await this.#searches.many(this.#source(queries, spec.space), spec, asRaw), spec, this.#layout);
    }, operations.batchSearch);
  }

  /** Blocks the calling thread; uses all cores. */
  batchSearchSync<IM extends boolean = true, IV extends boolean = false>(
    queries: VectorsInput,
    options?: SyncSearchOptions<M, IM, IV, S>,
  ): SearchResult<M, IM, IV, S>[][] {
    return this.#gate.ask(() => {
      const spec = this.#spec(options, false, true);
      return this.#searches.manySync(this.#source(queries, spec.space), spec, asRows) as SearchResult<M, IM, IV, S>[][];
    });
  }

  /** Groups of items within `radius` of each other, directly or through others of the group, among all items or those of a filter. */
  findDuplicates(options: DuplicateOptions<M, S>): Promise<Id[][]> {
    return this.#gate.attempt(() => findDuplicates(this as never, options));
  }

  buildIndex(options?: LongOptions): Promise<void> {
    return this.#gate.attempt(() => this.#maintenance.build(false, options), operations.buildIndex);
  }

  optimize(options?: LongOptions): Promise<void> {
    return this.#gate.attempt(() => this.#maintenance.build(true, options), operations.optimize);
  }

  /** Resolves when every write made before is as durable as this database makes it. */
  flush(): Promise<void> {
    return this.#gate.attempt(async () => {
      this.#gate.requireOpen();
      await this.#writes.drained();
      await this.#maintenance.flush();
    }, operations.flush);
  }

  /**
   * For a database opened with `readOnly`: shows what the folder's writer, in whatever process, has made known since the open or the last
   * call. True when there was something: writes, or a newer index. Searches see the state before or after a commit, never between, and
   * iterators that have begun go on in theirs. A rejected call leaves what was visible. A writer has nothing to refresh: false.
   */
  refresh(): Promise<boolean> {
    return this.#gate.attempt(() => this.#maintenance.refresh());
  }

  /** With a path: writes a complete database of the current state into the empty or new folder `dir`, while reads and writes go on. A writer's shares its files (hard links) where it can. */
  snapshot(dir: string): Promise<void> {
    return this.#gate.attempt(async () => {
      const checked = pathOf(dir, 'dir');
      await this.#writes.drained();
      await this.#maintenance.snapshot(checked);
    });
  }

  /**
   * Writes all items, or those of a filter, as files that other programs read: into an empty or new folder (`items.jsonl` and
   * `vectors.npy`), or into a new file that ends in `.jsonl` (with the vectors in it). One snapshot, memory of a few pages, while reads and
   * writes go on. Resolves with how many; a failed or aborted export removes what it has written.
   */
  export(target: string, options?: ExportOptions<M>): Promise<number> {
    return this.#gate.attempt(() => exportItems(this as never, target, options));
  }

  /**
   * Adds items from such a folder or file, or from any iterable of items, also asynchronous (a Node.js object stream, a generator).
   * Read piece by piece and added in atomic batches: after an error, whose message names the line, the batches before it stay. What the
   * iterable or `onProgress` throws comes out as it is.
   */
  import(
    source: string | Iterable<ImportItem<M, S>> | AsyncIterable<ImportItem<M, S>>,
    options?: ImportOptions,
  ): Promise<number> {
    return this.#gate.attempt(() => importItems(this as never, source, options));
  }

  /** Reads every checksum of the current generation and its logs, checks the index's structure, and that ids, metadata, vectors and counts agree. `CORRUPTION`. */
  verify(options?: LongOptions): Promise<void> {
    return this.#gate.attempt(() => this.#maintenance.verify(options));
  }

  /**
   * Refuses new calls with `CLOSED`, lets writes, reads and searches in flight finish, aborts running builds with `ABORTED`, and frees
   * the memory. With a path everything is on disk when it resolves, and the folder is free for the next open. Every call returns the same promise;
   * only a close that could not begin (`OUT_OF_MEMORY`) can be tried again. Not closing is safe: the memory is freed when the object is collected.
   */
  close(): Promise<void> {
    return this.#gate.close(() => this.#shutDown(), this.#maintenance);
  }

  [asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutDown(): Promise<void> {
    const users = [this.#writes, this.#reads, this.#searches];
    await Promise.all([this.#maintenance.stop(), ...users.map((user) => user.drained())]);
    await this.#maintenance.close();
  }

  #source(queries: VectorsInput, space: number): VectorSource {
    const source = queriesOf(this.#layout, queries, space);
    this.#gate.requireOpen();
    return source;
  }

  #spec(options: object | undefined, raw: boolean, sync: boolean): SearchSpec {
    const spec = searchSpec(options, this.#layout, raw, sync);
    this.#gate.requireOpen();
    return spec;
  }

  #filter(filter: Filter<M>): string {
    if (typeof filter !== 'object' || filter === null) throw invalidArgument('filter', 'an object', filter);
    return compileFilter(filter);
  }

  #getAll(ids: Id[], options: GetOptions | undefined) {
    const o = readOptions<GetOptions>(options, 'options', ['includeVector']);
    const vector = o.includeVector === undefined ? false : booleanOf(o.includeVector, 'options.includeVector');
    this.#gate.requireOpen();
    return this.#reads.get(ids, vector);
  }
}
