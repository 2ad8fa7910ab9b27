import type { Filter } from '../filter.js';
import type {
  AddBatchOptions,
  AddOptions,
  GetOptions,
  Id,
  ItemPatch,
  LongOptions,
  Metadata,
  SearchOptions,
  SearchResult,
  Stats,
  TextQuery,
  VectorInput,
  VectorsInput,
} from '../types.js';
import type { LatencySummary } from './latency.js';

/** Options of a search through a service: hits always carry their metadata. */
export interface ServiceSearchOptions<M extends object = Metadata> extends Omit<SearchOptions<M>, 'includeMetadata'> {}

/** A hit of a search through a service: a plain object. `vector` is there with `includeVector: true`. */
export type ServiceHit<M extends object = Metadata> = SearchResult<M> & { vector?: Float32Array };

/** A stored item as a service gives it. */
export interface ServiceItem<M extends object = Metadata> {
  id: Id;
  metadata: M;
  vector?: Float32Array;
}

/** Calls of one method since the service was made. */
export interface MethodStats {
  calls: number;
  failures: number;
  /** Microseconds from call to answer, failed calls included. */
  latency: LatencySummary;
}

export interface VectorServiceStats {
  /** Methods that were called at least once. */
  methods: Record<string, MethodStats>;
  database: Stats;
}

/**
 * A vector database as a service: `SageDBService` and `SageDBServicePool` implement it, so a program written against it does
 * not change when the one replaces the other. Unlike the database's own methods none is overloaded or generic, so that
 * `callService` can type each by name.
 */
export interface VectorService<M extends object = Metadata> {
  add(vector: VectorInput, metadata?: M, options?: AddOptions): Promise<Id>;
  addBatch(vectors: VectorsInput, metadata?: readonly (M | undefined)[], options?: AddBatchOptions): Promise<Id[]>;
  upsert(vector: VectorInput, metadata?: M, options?: AddOptions): Promise<Id>;
  upsertBatch(vectors: VectorsInput, metadata?: readonly (M | undefined)[], options?: AddBatchOptions): Promise<Id[]>;
  update(id: Id, patch: ItemPatch<M>): Promise<boolean>;
  /** Returns how many of the ids existed. */
  remove(ids: Id | readonly Id[]): Promise<number>;
  get(id: Id, options?: GetOptions): Promise<ServiceItem<M> | undefined>;
  count(filter?: Filter<M>): Promise<number>;
  search(query: VectorInput | TextQuery, options?: ServiceSearchOptions<M>): Promise<ServiceHit<M>[]>;
  batchSearch(queries: VectorsInput, options?: ServiceSearchOptions<M>): Promise<ServiceHit<M>[][]>;
  buildIndex(options?: LongOptions): Promise<void>;
  flush(): Promise<void>;
  stats(): Promise<VectorServiceStats>;
}
