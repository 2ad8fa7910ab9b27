// The sequential baseline: a brute-force database in plain JavaScript, one call at a time, behind the engine's own interface.
// It is the design's first variant and the reference that every other way of running a program is compared with.
import { SageDBError } from '../../lib/errors.js';
import type { Filter } from '../../lib/filter.js';
import type {
  AddBatchOptions,
  AddOptions,
  FindOptions,
  GetOptions,
  Id,
  Item,
  ItemPatch,
  JsonValue,
  Metadata,
  Metric,
  NewItem,
  Replaced,
  SearchOptions,
  SearchResult,
  Stats,
  TextQuery,
  VectorDatabase,
  VectorInput,
  VectorsInput,
} from '../../lib/types.js';

interface Row<M> {
  vector: Float32Array;
  metadata: M;
}

export interface SequentialOptions {
  dimension: number;
  metric?: Metric;
  /** Milliseconds that every search pretends to take, for tests of waiting. */
  delayMs?: number;
  /** Every search waits for it: for tests of what happens meanwhile. */
  gate?: () => Promise<unknown>;
}

export class SequentialDatabase<M extends object = Metadata> implements VectorDatabase<M> {
  readonly dimension: number;
  readonly metric: Metric;
  readonly indexVersion = 0;
  /** Searches that ran at the same time at most: shows who bounds whom. */
  peakSearches = 0;
  readonly #rows = new Map<Id, Row<M>>();
  readonly #delayMs: number;
  readonly #gate: SequentialOptions['gate'];
  #searches = 0;
  #nextId = 1;
  #adds = 0;
  #sequence = 0;
  #running = 0;
  #closed = false;

  constructor(options: SequentialOptions) {
    this.dimension = options.dimension;
    this.metric = options.metric ?? 'cosine';
    this.#delayMs = options.delayMs ?? 0;
    this.#gate = options.gate;
  }

  get size(): number {
    return this.#rows.size;
  }

  async add<I extends Id>(vector: VectorInput, metadata?: M, options?: AddOptions<I | undefined>): Promise<I & number> {
    const [id] = await this.addBatch([vector], [metadata], options?.id === undefined ? {} : { ids: [options.id] });
    return id as I & number;
  }

  async addBatch(
    vectors: VectorsInput,
    metadata?: readonly (M | undefined)[],
    options?: AddBatchOptions,
  ): Promise<Id[]> {
    return this.#write(vectors, metadata, options, false);
  }

  async upsert<I extends Id>(
    vector: VectorInput,
    metadata?: M,
    options?: AddOptions<I | undefined>,
  ): Promise<I & number> {
    const ids = options?.id === undefined ? {} : { ids: [options.id] };
    return (await this.upsertBatch([vector], [metadata], ids))[0] as I & number;
  }

  async upsertBatch(
    vectors: VectorsInput,
    metadata?: readonly (M | undefined)[],
    options?: AddBatchOptions,
  ): Promise<Id[]> {
    return this.#write(vectors, metadata, options, true);
  }

  async update(id: Id, patch: ItemPatch<M>): Promise<boolean> {
    this.#open();
    const row = this.#rows.get(id);
    if (row === undefined) return false;
    if (patch.vector !== undefined) row.vector = this.#normalised(patch.vector);
    if (patch.metadata !== undefined) row.metadata = structuredClone(patch.metadata);
    this.#sequence++;
    return true;
  }

  remove(id: Id): Promise<boolean>;
  remove(ids: readonly Id[]): Promise<number>;
  async remove(ids: Id | readonly Id[]): Promise<boolean | number> {
    this.#open();
    this.#sequence++;
    if (typeof ids !== 'object') return this.#rows.delete(ids);
    return ids.filter((id) => this.#rows.delete(id)).length;
  }

  async replaceWhere(filter: Filter<M>, rows: readonly NewItem<M>[]): Promise<Replaced> {
    const kept = (await this.find(filter)).map((item) => item.id);
    const ids = rows.map((row) => row.id).filter((id) => id !== undefined);
    const taken = ids.find((id) => this.#rows.has(id) && !kept.includes(id));
    if (taken !== undefined) throw new SageDBError('DUPLICATE_ID', `id ${taken} already exists`);
    const removed = await this.removeWhere(filter);
    const options = ids.length > 0 ? { ids } : undefined;
    const added = await this.addBatch(
      rows.map((row) => row.vector),
      rows.map((row) => row.metadata),
      options,
    );
    return { ids: added, removed };
  }

  async removeWhere(filter: Filter<M>): Promise<number> {
    const ids = (await this.find(filter)).map((item) => item.id);
    return this.remove(ids);
  }

  async get<IV extends boolean = false>(id: Id, options?: GetOptions<IV>): Promise<Item<M, IV> | undefined> {
    this.#open();
    const row = this.#rows.get(id);
    return row && this.#item<IV>(id, row, options?.includeVector === true);
  }

  getMany<IV extends boolean = false>(
    ids: readonly Id[],
    options?: GetOptions<IV>,
  ): Promise<(Item<M, IV> | undefined)[]> {
    return Promise.all(ids.map((id) => this.get(id, options)));
  }

  async has(id: Id): Promise<boolean> {
    this.#open();
    return this.#rows.has(id);
  }

  async count(filter?: Filter<M>): Promise<number> {
    this.#open();
    return this.#matching(filter).length;
  }

  async find<IV extends boolean = false>(filter: Filter<M>, options: FindOptions<IV> = {}): Promise<Item<M, IV>[]> {
    this.#open();
    const { limit = Number.POSITIVE_INFINITY, offset = 0, includeVector } = options;
    const rows = this.#matching(filter).slice(offset, offset + limit);
    return rows.map(([id, row]) => this.#item<IV>(id, row, includeVector === true));
  }

  findByMetadata<IV extends boolean = false>(
    path: string,
    value: JsonValue,
    options?: FindOptions<IV>,
  ): Promise<Item<M, IV>[]> {
    return this.find({ [path]: { $eq: value } } as Filter<M>, options);
  }

  async search<IM extends boolean = true, IV extends boolean = false>(
    query: VectorInput | TextQuery,
    options: SearchOptions<M, IM, IV> = {},
  ): Promise<SearchResult<M, IM, IV>[]> {
    this.#open();
    if (typeof query === 'object' && 'text' in query) {
      if (query.vector === undefined) throw new SageDBError('INVALID_ARGUMENT', 'the baseline searches vectors only');
      return this.search(query.vector, options);
    }
    const { signal } = options;
    if (signal?.aborted) throw new SageDBError('ABORTED', 'the operation was aborted', { cause: signal.reason });
    this.#searches++;
    this.peakSearches = Math.max(this.peakSearches, ++this.#running);
    try {
      if (this.#delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#delayMs));
      await this.#gate?.();
      return this.#scan(this.#normalised(query), options);
    } finally {
      this.#running--;
    }
  }

  async batchSearch<IM extends boolean = true, IV extends boolean = false>(
    queries: VectorsInput,
    options: SearchOptions<M, IM, IV> = {},
  ): Promise<SearchResult<M, IM, IV>[][]> {
    const results: SearchResult<M, IM, IV>[][] = [];
    for (const query of this.#split(queries)) results.push(await this.search(query, options));
    return results;
  }

  async buildIndex(): Promise<void> {
    this.#open();
  }

  async optimize(): Promise<void> {
    this.#open();
  }

  async flush(): Promise<void> {
    this.#open();
  }

  stats(): Stats {
    return {
      size: this.size,
      dimension: this.dimension,
      metric: this.metric,
      indexVersion: 0,
      sequence: this.#sequence,
      indexKind: 'sequential',
      kernels: 'javascript',
      threads: 1,
      totalSearches: this.#searches,
      totalAdds: this.#adds,
      totalUpdates: 0,
      totalRemoves: 0,
      indexRebuilds: 0,
      compactions: 0,
      averageSearchMicroseconds: 0,
      indexedRows: this.size,
      freshRows: 0,
      deletedRows: 0,
      memory: { vectors: 0, codes: 0, index: 0, metadata: 0, text: 0, ids: 0, scratch: 0, total: 0 },
      build: { running: false, done: 0, total: 0, lastSeconds: 0, lastPublishMicroseconds: 0, lastError: '' },
      storage: {
        durableSequence: 0,
        logBytes: 0,
        segmentBytes: 0,
        checkpoints: 0,
        replayed: 0,
        check: { state: 'none', done: 0, total: 0, error: '' },
        hotBytes: 0,
        givenBackBytes: 0,
      },
      recall: { rows: 0, queries: 0, curve: [] },
    } as Stats;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): void {
    if (this.#closed) throw new SageDBError('CLOSED', 'the database is closed');
  }

  #write(
    vectors: VectorsInput,
    metadata: readonly (M | undefined)[] | undefined,
    options: AddBatchOptions | undefined,
    replace: boolean,
  ): Id[] {
    this.#open();
    const rows = this.#split(vectors).map((vector) => this.#normalised(vector));
    if (metadata !== undefined && metadata.length !== rows.length) {
      throw new SageDBError('INVALID_ARGUMENT', `metadata: expected ${rows.length} entries, got ${metadata.length}`);
    }
    const ids = options?.ids ?? rows.map(() => this.#freeId());
    const taken = ids.find((id, i) => ids.indexOf(id) !== i || (!replace && this.#rows.has(id)));
    if (taken !== undefined) throw new SageDBError('DUPLICATE_ID', `id ${String(taken)} exists already`);
    for (const [i, vector] of rows.entries()) {
      this.#rows.set(ids[i]!, { vector, metadata: structuredClone(metadata?.[i] ?? ({} as M)) });
    }
    this.#adds += rows.length;
    this.#sequence++;
    return [...ids];
  }

  #freeId(): number {
    while (this.#rows.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #split(vectors: VectorsInput): VectorInput[] {
    if (Array.isArray(vectors)) return vectors as VectorInput[];
    const flat = vectors as Float32Array;
    const rows = flat.length / this.dimension;
    return Array.from({ length: rows }, (_, i) => flat.subarray(i * this.dimension, (i + 1) * this.dimension));
  }

  #normalised(input: VectorInput): Float32Array {
    if (input.length !== this.dimension) {
      throw new SageDBError('DIMENSION_MISMATCH', `vector: expected ${this.dimension} components, got ${input.length}`);
    }
    const vector = Float32Array.from(input);
    const norm = Math.hypot(...vector);
    if (!Number.isFinite(norm)) throw new SageDBError('INVALID_VECTOR', 'vector: expected finite numbers');
    return this.metric === 'cosine' ? vector.map((x) => x / norm) : vector;
  }

  #scan<IM extends boolean, IV extends boolean>(
    query: Float32Array,
    options: SearchOptions<M, IM, IV>,
  ): SearchResult<M, IM, IV>[] {
    const l2 = this.metric === 'l2';
    const scored = this.#matching(options.filter).map(([id, row]) => {
      let sum = 0;
      for (let i = 0; i < query.length; i++) {
        sum += l2 ? (query[i]! - row.vector[i]!) ** 2 : query[i]! * row.vector[i]!;
      }
      return { id, row, score: l2 ? Math.sqrt(sum) : sum };
    });
    scored.sort((a, b) => (l2 ? a.score - b.score : b.score - a.score) || (a.id < b.id ? -1 : 1));
    const { radius } = options;
    const inside = scored.filter(({ score }) => radius === undefined || (l2 ? score <= radius : score >= radius));
    return inside.slice(0, options.k ?? 10).map(({ id, row, score }) => ({
      id,
      score,
      ...(options.includeMetadata === false ? {} : { metadata: structuredClone(row.metadata) }),
      ...(options.includeVector === true ? { vector: row.vector.slice() } : {}),
    })) as SearchResult<M, IM, IV>[];
  }

  /** Equality of top-level fields: all that the programs under test use. */
  #matching(filter: Filter<M> | undefined): [Id, Row<M>][] {
    const wanted = Object.entries((filter ?? {}) as Record<string, unknown>);
    return Array.from(this.#rows).filter(([, row]) => {
      return wanted.every(([field, value]) => (row.metadata as Record<string, unknown>)[field] === value);
    });
  }

  #item<IV extends boolean>(id: Id, row: Row<M>, includeVector: boolean): Item<M, IV> {
    const vector = includeVector ? { vector: row.vector.slice() } : {};
    return { id, metadata: structuredClone(row.metadata), ...vector } as Item<M, IV>;
  }
}
