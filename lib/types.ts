import type { Filter } from './filter.js';
import type { Highlight, SearchExplanation, TextQuery } from './query-types.js';
import type { FusedQuery, ItemVector, ItemVectors, StoredVector } from './space-types.js';
import type { Stats } from './stats-types.js';

export type * from './query-types.js';
export type * from './space-types.js';
export type * from './stats-types.js';

/** The caller's name of an item: a string, or a safe integer (|n| ≤ 2^53 − 1). Numbers and strings never collide: `1` is not `'1'`. */
export type Id = string | number;

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

/** Metadata when no type is given: a plain JSON object. */
export type Metadata = { [key: string]: JsonValue | undefined };

/**
 * `l2`: Euclidean distance, smaller is better. `cosine` and `ip`: similarity, larger is better. Cosine vectors are stored at unit
 * length with their own length beside it: reading one back gives the same vector up to rounding.
 */
export type Metric = 'l2' | 'cosine' | 'ip';

/** One vector of `dimension` finite numbers. `Float32Array` is fastest; others are converted to 32-bit floats. */
export type VectorInput = Float32Array | Float64Array | readonly number[];

/** Many vectors: a list of them, or one flat array of n × dimension numbers, row after row. */
export type VectorsInput = readonly VectorInput[] | Float32Array | Float64Array;

export interface IndexOptions {
  /** `auto` (default) scans small collections exactly and grows an HNSW graph for larger ones; `flat` is always exact. */
  type?: 'auto' | 'flat' | 'hnsw';
  /** Neighbors per node, 4 … 64. Default 16. */
  M?: number;
  /** Width of the search that finds a new node's neighbors, 8 … 4,096. Default 200. */
  efConstruction?: number;
  /** Compact codes that the graph is traversed on (full-precision vectors re-rank). Default `auto`. */
  quantization?: 'auto' | 'none' | 'sq8';
}

export interface OpenOptions {
  /**
   * Folder of the database; made when it does not exist. Omitted: the database lives in memory only.
   *
   * `dimension`, `metric`, `vectors`, `textFields`, `index.type` and `index.M` are stored in it: for an existing one they may be left out, and an option that
   * contradicts is refused with `CONFIG_MISMATCH`. One process writes; a second open of the folder rejects with `LOCKED`.
   */
  path?: string;
  /**
   * With `path`: when a write is acknowledged. `fsync` (default): when it survives a loss of power. `async`: when it survives the death of the
   * process; power loss may take about the last 50 ms. `memory`: at once; only `flush()`, `buildIndex()`, `optimize()`, `snapshot()`, `close()`
   * and compactions in the background write.
   */
  durability?: 'fsync' | 'async' | 'memory';
  /** With `path`: reads beside a writer, takes no lock and writes nothing. Shows the state at the open, or at the last `refresh()`. */
  readOnly?: boolean;
  /**
   * With `path`: whether every block of the files is read and verified in the background after the open. Default true. With false, blocks are verified
   * when a checkpoint, a snapshot or an index build copies them, and by `verify()`; damage elsewhere can give wrong answers unnoticed.
   */
  checkBlocks?: boolean;
  /**
   * With `path`: bytes of memory that may be taken when searches begin to use the files that an open mapped: links, codes, records and vectors, in this order,
   * are moved into huge pages in the background (Linux), since small pages of a file make searches slower. Default: a quarter of the memory that the system has available
   * at the open; 0: searches stay in the files' pages, which the system may take back. Beyond as many bytes what this process wrote (texts, vectors and codes) is read from the files, too, once
   * a checkpoint has written it, and a compaction copies into files instead of memory (Linux): a database may be larger than the memory while it is loaded.
   */
  hotMemory?: number;
  /** Components per vector, 1 … 65,536. Required unless `path` is an existing database. */
  dimension: number;
  /** Default `cosine`. */
  metric?: Metric;
  index?: IndexOptions;
  /** How full-precision vectors are kept. Default `float32`; `float16` halves the memory at three significant digits. */
  vectors?: 'float32' | 'float16';
  /**
   * Paths of the metadata, as in filters, that queries by text search: strings, or the strings of an array. Stored like `metric`.
   */
  textFields?: readonly string[];
  /** Unindexed rows that start a background build; while searches come in, a quarter of them does. Default 1,000. */
  rebuildThreshold?: number;
  /** Threads for batches and builds. Default: every processor this process may use. */
  threads?: number;
}

/** For a path, which may hold a database that knows its dimension. */
export type OpenPathOptions = Omit<OpenOptions, 'dimension'> & { path: string; dimension?: number };

export interface AddOptions<I extends Id | undefined = Id | undefined> {
  /** Omitted: the next free number. */
  id?: I;
}

/** What `onProgress` receives. `done` never decreases; the last call has `done === total`. */
export interface Progress {
  done: number;
  total: number;
}

export interface LongOptions {
  /** Aborts the work: the promise rejects with `ABORTED`, `cause` is `signal.reason`. */
  signal?: AbortSignal;
  /** Called from the event loop, at most about 20 times a second. An exception it throws aborts the work and rejects the promise. */
  onProgress?: (progress: Progress) => void;
}

export interface AddBatchOptions extends LongOptions {
  /** One id per vector, no id twice. Omitted: consecutive free numbers. */
  ids?: readonly Id[];
}

/** An item to be stored. */
export interface NewItem<M extends object = Metadata, S extends string = never> {
  vector: ItemVector<S>;
  metadata?: M | undefined;
  /** On every row of a call or on none: then they get free numbers. */
  id?: Id | undefined;
}

/** What `replaceWhere` did. */
export interface Replaced {
  /** Ids of the new rows, in order. */
  ids: Id[];
  /** How many items the filter matched. */
  removed: number;
}

export interface ExportOptions<M extends object = Metadata> extends LongOptions {
  /** Only items whose metadata match. */
  filter?: Filter<M>;
}

/** What `import` takes besides files. */
export interface ImportItem<M extends object = Metadata, S extends string = never> {
  /** Omitted: the next free number. */
  id?: Id;
  vector: ItemVector<S>;
  metadata?: M;
}

/** `onProgress` counts rows of a folder, bytes of a file, and items of an iterable at its end. */
export interface ImportOptions extends LongOptions {
  /** Items that become visible as one. Default 1,000. */
  batchSize?: number;
  /** Items whose id exists are replaced. Default false: they are an error. */
  replace?: boolean;
}

export interface ItemPatch<M extends object = Metadata, S extends string = never> {
  /** Replaces the vector, or with named spaces those it names; metadata and the others stay. */
  vector?: ItemVector<S>;
  /** Replaces the whole metadata; the vector stays. */
  metadata?: M;
}

export interface GetOptions<IV extends boolean = boolean> {
  /** Default false. */
  includeVector?: IV;
}

export interface FindOptions<IV extends boolean = boolean> extends GetOptions<IV> {
  /** Default: no limit. */
  limit?: number;
  /** Matching items to skip. Default 0. */
  offset?: number;
  /**
   * A path (`'year'`), paths with directions (`{ year: 'desc', title: 'asc' }`), or a list of them (`[['year', 'desc'], 'title']`).
   * Missing and null come first, then numbers, strings, objects, arrays, booleans; ties in the order of the latest change.
   * Default: the order of the latest change.
   */
  orderBy?: SortOrder;
  /** Paths of the metadata to return; the others are left out. Default: all. */
  select?: readonly string[];
}

export type SortDirection = 'asc' | 'desc';
export type SortOrder =
  | string
  | { readonly [path: string]: SortDirection }
  | readonly (string | readonly [path: string, direction: SortDirection])[];

export interface IterateOptions<IV extends boolean = boolean> extends FindOptions<IV> {
  /** Items read at a time, 1 … 100,000. Default 256. */
  pageSize?: number;
}

type VectorPart<IV extends boolean, S extends string> = [IV] extends [true]
  ? { vector: StoredVector<S> }
  : [IV] extends [false]
    ? unknown
    : { vector?: StoredVector<S> };
type MetadataPart<M extends object, IM extends boolean> = [IM] extends [true]
  ? { metadata: M }
  : [IM] extends [false]
    ? unknown
    : { metadata?: M };

/** A stored item. `vector` is there when asked for. Absent metadata reads as `{}`. */
export type Item<M extends object = Metadata, IV extends boolean = false, S extends string = never> = {
  id: Id;
  metadata: M;
} & VectorPart<IV, S>;

/**
 * One hit. `score` is the Euclidean distance (not squared) for `l2` and the similarity for `cosine` and `ip`.
 * `metadata` is missing with `includeMetadata: false`, `vector` is there with `includeVector: true`.
 */
export type SearchResult<
  M extends object = Metadata,
  IM extends boolean = true,
  IV extends boolean = false,
  S extends string = never,
> = {
  id: Id;
  score: number;
  /** Of a query by text with `highlight`: where its words stand. */
  highlights?: Highlight[];
} & MetadataPart<M, IM> &
  VectorPart<IV, S>;

/** What decides which rows a search returns. */
export interface SearchCriteria<M extends object = Metadata, S extends string = never> {
  /** Named spaces: the one that is searched. Needed where there are several and the query is one vector, or stored items. */
  space?: S;
  /** How many hits at most, 1 … 1,000,000. Default 10. */
  k?: number;
  /** Only items whose metadata match. k rows are returned whenever k rows match. */
  filter?: Filter<M>;
  /** Width of the graph search: larger finds more of the true neighbors and takes longer. Excludes `recall`. */
  ef?: number;
  /** Share of the true neighbors to aim at, above 0 and below 1. Without `recall` and `ef`: 0.95, and an `ef` of at least 40. */
  recall?: number;
  /** `l2`: hits at this distance at most; `cosine` and `ip`: hits of this score at least. `k` caps the list. */
  radius?: number;
  /** Compare with every row on full-precision vectors. Default false. */
  exact?: boolean;
}

export interface SyncSearchOptions<
  M extends object = Metadata,
  IM extends boolean = boolean,
  IV extends boolean = boolean,
  S extends string = never,
> extends SearchCriteria<M, S> {
  /** Default true. */
  includeMetadata?: IM;
  /** Default false. */
  includeVector?: IV;
}

export interface SearchOptions<
  M extends object = Metadata,
  IM extends boolean = boolean,
  IV extends boolean = boolean,
  S extends string = never,
> extends SyncSearchOptions<M, IM, IV, S> {
  /** Aborts the search: the promise rejects with `ABORTED`, `cause` is `signal.reason`. */
  signal?: AbortSignal;
}

/** What `search` can do with the hits beyond ranking them; in this order. */
export interface RefineOptions {
  /**
   * Path of a metadata field; at most `groupSize` hits of one value are kept, so that the chunks of one document do not fill the list.
   * Hits without the field stand for themselves. The search is widened until there are k hits.
   */
  groupBy?: string;
  /** Default 1. */
  groupSize?: number;
  /** 0 … 1: how much hits that resemble better ones are put back (maximal marginal relevance). 0: not at all. */
  diversity?: number;
  /** Hits that `diversity` and `rerank` choose from, at least k + offset. Default: the larger of 50 and 4 (k + offset). */
  candidates?: number;
  /** Hits to skip. Default 0. */
  offset?: number;
}

export interface RefinedSearchOptions<
  M extends object = Metadata,
  IM extends boolean = boolean,
  IV extends boolean = boolean,
  S extends string = never,
> extends SearchOptions<M, IM, IV, S>,
    RefineOptions {
  /** Adds `explain` to the array of hits: how the search was answered. */
  explain?: boolean;
  /**
   * Gets the candidates with their metadata, best first, and gives those to keep in a better order, possibly with other scores.
   * An error it throws rejects the search.
   */
  rerank?: (
    hits: SearchResult<M, true, IV, S>[],
  ) => readonly SearchResult<M, true, IV, S>[] | Promise<readonly SearchResult<M, true, IV, S>[]>;
}

/**
 * A search by stored items instead of a vector. The examples themselves are never among the hits. Negative examples push away:
 * the query is p + (p − n) of the means.
 */
export type ExampleQuery = { id: Id } | { positive: readonly Id[]; negative?: readonly Id[] };

/** What `search` takes. Options may stand in a query by text, too: `search({ text, k: 5, filter })`. */
export type SearchQuery<
  M extends object = Metadata,
  IM extends boolean = boolean,
  IV extends boolean = boolean,
  S extends string = never,
> = VectorInput | ExampleQuery | (TextQuery & RefinedSearchOptions<M, IM, IV, S>) | FusedQuery<M, IM, IV, S>;

/** The hits of a search with `explain: true`. */
export type ExplainedSearch<
  M extends object = Metadata,
  IM extends boolean = true,
  IV extends boolean = false,
  S extends string = never,
> = SearchResult<M, IM, IV, S>[] & { explain: SearchExplanation };

export interface DuplicateOptions<M extends object = Metadata, S extends string = never> extends LongOptions {
  /** As in a search; items without a vector there are left out. */
  space?: S;
  /** `l2`: items at this distance at most are duplicates; `cosine` and `ip`: of this score at least. */
  radius: number;
  /** Only items whose metadata match. */
  filter?: Filter<M>;
  /** How many duplicates of one item are looked at, 1 … 1,000. Default 16; groups join through common members, so larger ones are found too. */
  neighbors?: number;
  /** As in a search. */
  recall?: number;
  /** As in a search: nothing is missed, in quadratic time. */
  exact?: boolean;
}

/** `includeMetadata` and `includeVector` are false unless asked for. */
export interface RawSearchOptions<M extends object = Metadata, S extends string = never>
  extends SearchOptions<M, boolean, boolean, S> {}

/** Typed arrays of one search's hits, best first. */
export interface RawSearchResult {
  count: number;
  /** Numeric ids; NaN where the id is a string. */
  ids: Float64Array;
  /** The string ids by position; undefined when every id is a number. */
  stringIds: (string | undefined)[] | undefined;
  scores: Float32Array;
  /** count × dimension, when asked for: those of the space searched. */
  vectors: Float32Array | undefined;
  /** JSON text of an array of `count` objects, when asked for. */
  metadataJson: string | undefined;
  /** Version of the index that answered. */
  indexVersion: number;
}

/** Typed arrays of many searches: the hits of query q stand at [offsets[q], offsets[q + 1]). */
export interface RawBatchSearchResult {
  /** queries + 1 positions. */
  offsets: Uint32Array;
  ids: Float64Array;
  stringIds: (string | undefined)[] | undefined;
  scores: Float32Array;
  vectors: Float32Array | undefined;
  /** One JSON text per query, when asked for. */
  metadataJson: string[] | undefined;
}

/**
 * What every SageDB database can do. `SageDB` implements it in process.
 *
 * Methods that return a promise never throw synchronously: bad arguments reject. Every error is a `SageDBError`. A call that
 * rejects has changed nothing that can be seen. Whether a write whose sync failed (`IO_ERROR`, and `READ_ONLY` for what follows) is there after the
 * next open, only that open can tell.
 */
export interface VectorDatabase<M extends object = Metadata, S extends string = never> {
  /** Components per vector; with named spaces of all of them together. */
  readonly dimension: number;
  /** With named spaces that of the first. */
  readonly metric: Metric;
  /** Number of live items. */
  readonly size: number;
  /** Rises with every published index. */
  readonly indexVersion: number;

  /** Adds one item and returns its id. An existing id is `DUPLICATE_ID`. */
  add(vector: ItemVector<S>, metadata?: M, options?: AddOptions<undefined>): Promise<number>;
  add<I extends Id>(vector: ItemVector<S>, metadata: M | undefined, options: AddOptions<I> & { id: I }): Promise<I>;
  add(vector: ItemVector<S>, metadata?: M, options?: AddOptions): Promise<Id>;
  /** Adds all or none; returns the ids in order. */
  addBatch(vectors: ItemVectors<S>, metadata?: readonly (M | undefined)[], options?: AddBatchOptions): Promise<Id[]>;
  /** Adds, or replaces the whole item of this id (vector and metadata). */
  upsert(vector: ItemVector<S>, metadata?: M, options?: AddOptions<undefined>): Promise<number>;
  upsert<I extends Id>(vector: ItemVector<S>, metadata: M | undefined, options: AddOptions<I> & { id: I }): Promise<I>;
  upsert(vector: ItemVector<S>, metadata?: M, options?: AddOptions): Promise<Id>;
  upsertBatch(vectors: ItemVectors<S>, metadata?: readonly (M | undefined)[], options?: AddBatchOptions): Promise<Id[]>;
  /** Replaces vector, metadata, or both at once. False when the id does not exist. */
  update(id: Id, patch: ItemPatch<M, S>): Promise<boolean>;
  /** One id: whether it existed. A list: how many existed. */
  remove(id: Id): Promise<boolean>;
  remove(ids: readonly Id[]): Promise<number>;
  /** Removes every matching item; returns how many. */
  removeWhere(filter: Filter<M>): Promise<number>;
  /** `removeWhere` and the addition of new rows as one step: no reader ever sees the one without the other. */
  replaceWhere(filter: Filter<M>, rows: readonly NewItem<M, S>[], options?: LongOptions): Promise<Replaced>;

  get<IV extends boolean = false>(id: Id, options?: GetOptions<IV>): Promise<Item<M, IV, S> | undefined>;
  getMany<IV extends boolean = false>(
    ids: readonly Id[],
    options?: GetOptions<IV>,
  ): Promise<(Item<M, IV, S> | undefined)[]>;
  has(id: Id): Promise<boolean>;
  count(filter?: Filter<M>): Promise<number>;
  find<IV extends boolean = false>(filter: Filter<M>, options?: FindOptions<IV>): Promise<Item<M, IV, S>[]>;
  /** `find({ [path]: { $eq: value } })`. */
  findByMetadata<IV extends boolean = false>(
    path: string,
    value: JsonValue,
    options?: FindOptions<IV>,
  ): Promise<Item<M, IV, S>[]>;

  search<IM extends boolean = true, IV extends boolean = false>(
    query: VectorInput | TextQuery,
    options?: SearchOptions<M, IM, IV, S>,
  ): Promise<SearchResult<M, IM, IV, S>[]>;
  /** Many searches with the same options; result i belongs to query i. */
  batchSearch<IM extends boolean = true, IV extends boolean = false>(
    queries: VectorsInput,
    options?: SearchOptions<M, IM, IV, S>,
  ): Promise<SearchResult<M, IM, IV, S>[][]>;

  /** Indexes every row acknowledged before the call and waits for it. With a path the index is on disk when it resolves. */
  buildIndex(options?: LongOptions): Promise<void>;
  /** `buildIndex`, and reclaims the space of every removed row, in memory and on disk. */
  optimize(options?: LongOptions): Promise<void>;
  flush(): Promise<void>;
  stats(): Stats;
  /** Refuses new calls, lets those in flight finish, stops the builder, frees the memory. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
