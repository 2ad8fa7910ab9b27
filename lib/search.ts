import { onAbort } from './abort.js';
import { DetailedSearches, type Details, type ExplainedRows } from './detailed-search.js';
import { abortedError, fromNative, SageDBError } from './errors.js';
import { bulkLane, type Lane, type LaneUser, searchLane } from './lanes.js';
import { type NativeDatabase, type NativeSearchResult, type NativeTask, type NativeView, native } from './native.js';
import { SearchReader, shareAnswers } from './results.js';
import { isCostly, PARAMS, type SearchSpec, writeParams } from './search-options.js';
import { type Layout, spaceAt } from './spaces.js';
import { atEndOfTurn, TimeSlice } from './turn.js';
import { COPIED_AT_ONCE_BYTES, rowProblem, steadyVector, type VectorSource } from './vectors.js';

/** Queries that go to the addon as one piece of work: bounds how long a later search waits for it. */
const MAX_COALESCED = 256;
/**
 * So many waiting searches are worth a batch of their own while another one is under way: the engine answers it while the event loop
 * turns the hits of the other into objects. A single one waits for a batch to end: it would find its processor taken.
 */
const OVERLAPPING = 2;
/** Of one batchSearch: the engine works on one piece while the hits of the one before become objects. */
const MAX_PIECE = 256;
const MAX_PIECE_BYTES = 4 << 20;
/** Pieces that are answered from one snapshot. */
const PIECES_PER_VIEW = 4;
/** A staging area that grew beyond this is not kept. */
const KEPT_BYTES = 4 << 20;

/** So few searches, with nothing else under way, wait for nothing but the answer. */
const LONE = 4;

/** How the hits of one query become the value its caller gets. */
export type Shape<T> = (reader: SearchReader, spec: SearchSpec) => T;

interface Waiting {
  spec: SearchSpec;
  task: NativeTask | undefined;
  settled: boolean;
  resolve: (reader: SearchReader) => void;
  reject: (error: SageDBError) => void;
}

/**
 * Searches on their way to the engine. All that are made in one turn of the event loop, and while earlier ones are under way, go as
 * one batch: one worker, one snapshot, all cores. Of one space.
 */
class Coalescer implements LaneUser {
  readonly #database: NativeDatabase;
  readonly #layout: Layout;
  readonly #dimension: number;
  readonly #refuseZero: boolean;
  readonly #lane: Lane;
  readonly #costly: boolean;
  /** Copies of the queries that wait, in order; the addon copies them again at dispatch, so the area is free afterwards. */
  #staging: Float32Array;
  #params = new Float64Array(PARAMS * 4);
  #waiting: Waiting[] = [];
  #scheduled = false;
  /** Batches under way, and the searches in them. */
  #inFlight = 0;
  #searching = 0;
  #idle: (() => void)[] = [];

  constructor(database: NativeDatabase, layout: Layout, space: number, costly: boolean) {
    const { dimension, metric } = spaceAt(layout, space);
    this.#database = database;
    this.#layout = layout;
    this.#dimension = dimension;
    this.#refuseZero = metric === 'cosine';
    this.#lane = costly ? bulkLane : searchLane;
    this.#costly = costly;
    this.#staging = new Float32Array(dimension * 4);
  }

  submit<T>(vector: unknown, spec: SearchSpec, shape: Shape<T>): Promise<T> {
    // Before a place is taken: reading an array may run getters, and those may search.
    const query = steadyVector(vector, this.#dimension, 'query');
    this.#makeRoom(this.#waiting.length + 1);
    this.#staging.set(query, this.#waiting.length * this.#dimension);
    return new Promise<T>((resolve, reject) => {
      const entry: Waiting = {
        spec,
        task: undefined,
        settled: false,
        resolve: (reader) => resolve(shape(reader, spec)),
        reject,
      };
      this.#waiting.push(entry);
      if (spec.signal) this.#watch(entry, spec.signal);
      this.#schedule();
    });
  }

  #makeRoom(queries: number): void {
    const floats = queries * this.#dimension;
    if (this.#staging.length >= floats) return;
    const larger = new Float32Array(floats * 2);
    larger.set(this.#staging);
    this.#staging = larger;
  }

  #watch(entry: Waiting, signal: AbortSignal): void {
    entry.task = native().createTask();
    const stop = onAbort(signal, () => {
      native().cancelTask(entry.task as NativeTask);
      entry.settled = true;
      entry.reject(abortedError(signal));
    });
    const { resolve, reject } = entry;
    entry.resolve = (reader) => {
      stop();
      resolve(reader);
    };
    entry.reject = (error) => {
      stop();
      reject(error);
    };
  }

  #schedule(): void {
    if (this.#scheduled) return;
    if (this.#inFlight > 0 && this.#waiting.length < OVERLAPPING) return;
    this.#scheduled = true;
    atEndOfTurn(() => this.#lane.request(this));
  }

  enter(): void {
    this.#scheduled = false;
    const batch = this.#waiting.splice(0, this.#nextBatch());
    const { queries, entries } = this.#collect(batch);
    if (entries.length > 0) {
      this.#dispatch(queries, entries);
    } else {
      this.#lane.leave();
      this.#notifyIdle();
    }
    this.#reclaim(batch.length);
  }

  /** As many as give each place of the lane an equal part of all that are on their way; few stay together. */
  #nextBatch(): number {
    const waiting = this.#waiting.length;
    if (this.#searching === 0 && waiting < 2 * OVERLAPPING) return waiting;
    const part = Math.ceil((waiting + this.#searching) / this.#lane.width);
    return Math.min(waiting, Math.max(part, OVERLAPPING), MAX_COALESCED);
  }

  /** The first `queries` places of the staging area are free again. */
  #reclaim(queries: number): void {
    const width = this.#dimension;
    if (this.#waiting.length > 0) {
      this.#staging.copyWithin(0, queries * width, (queries + this.#waiting.length) * width);
      this.#schedule();
    } else if (this.#staging.byteLength > KEPT_BYTES) {
      this.#staging = new Float32Array(width * 4);
    }
  }

  /** The queries that still have a caller and are good, side by side. */
  #collect(batch: Waiting[]): { queries: Float32Array; entries: Waiting[] } {
    const width = this.#dimension;
    const staging = this.#staging;
    const problem = rowProblem(staging, batch.length * width, width, this.#refuseZero);
    if (!problem && batch.every((entry) => !entry.settled)) return { queries: staging, entries: batch };
    const entries: Waiting[] = [];
    const queries = new Float32Array(batch.length * width);
    for (const [i, entry] of batch.entries()) {
      if (entry.settled) continue;
      const query = staging.subarray(i * width, (i + 1) * width);
      const bad = rowProblem(query, width, width, this.#refuseZero);
      if (bad) {
        entry.reject(new SageDBError('INVALID_VECTOR', `query${bad.problem}`));
        continue;
      }
      queries.set(query, entries.length * width);
      entries.push(entry);
    }
    return { queries, entries };
  }

  #dispatch(queries: Float32Array, entries: Waiting[]): void {
    const count = entries.length;
    if (this.#params.length < count * PARAMS) this.#params = new Float64Array(count * PARAMS * 2);
    let filters: (string | undefined)[] | undefined;
    let tasks: (NativeTask | undefined)[] | undefined;
    for (let i = 0; i < count; i++) {
      const { spec, task } = entries[i] as Waiting;
      writeParams(spec, this.#params, i);
      if (spec.filter !== undefined) {
        filters ??= new Array<string | undefined>(count);
        filters[i] = spec.filter;
      }
      if (task !== undefined) {
        tasks ??= new Array<NativeTask | undefined>(count);
        tasks[i] = task;
      }
    }
    this.#inFlight++;
    this.#searching += count;
    const answered = count <= LONE ? this.#lane.stayAwake() : undefined;
    const settle = (error: Error | null, result?: NativeSearchResult | []) => {
      this.#searching -= count;
      answered?.();
      this.#settle(entries, error, result);
      this.#done();
    };
    const callback = (error: Error | null, ...result: NativeSearchResult | []) => settle(error, result);
    try {
      this.#database.search(queries, count, this.#params, filters, tasks, callback, this.#costly, true);
    } catch (error) {
      settle(error as Error);
    }
  }

  #done(): void {
    this.#inFlight--;
    this.#lane.leave();
    if (this.#waiting.length > 0) this.#schedule();
    this.#notifyIdle();
  }

  #settle(entries: Waiting[], error: Error | null, result: NativeSearchResult | [] | undefined): void {
    if (error || !result) {
      for (const entry of entries) if (!entry.settled) entry.reject(fromNative(error as Error));
      return;
    }
    const reader = new SearchReader(result, entries.length, this.#layout);
    let broken: SageDBError | undefined;
    for (const entry of entries) {
      const failure = broken ?? reader.takeError(entry.spec);
      if (failure) {
        if (!entry.settled) entry.reject(failure);
        continue;
      }
      try {
        entry.resolve(reader); // also when settled, to pass over its hits
      } catch (error) {
        // The reader stands in the middle of a result: what follows could be given to the wrong caller.
        broken = fromNative(error as Error);
        entry.reject(broken);
      }
    }
  }

  #notifyIdle(): void {
    if (this.#inFlight > 0 || this.#waiting.length > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Resolves when nothing waits or is under way. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#notifyIdle();
    });
  }
}

/** Every way to search one database. */
export class Searches {
  readonly #database: NativeDatabase;
  readonly #layout: Layout;
  /** By space. */
  readonly #cheap: readonly Coalescer[];
  readonly #costly: readonly Coalescer[];
  readonly #detailed: DetailedSearches;
  readonly #batches = new Set<Promise<unknown>>();
  /** Of one search; read before the addon returns. */
  readonly #params = new Float64Array(PARAMS);
  /** What queries by text search. */
  readonly textFields: readonly string[];

  constructor(database: NativeDatabase, layout: Layout) {
    this.#database = database;
    this.#layout = layout;
    const spaces = Array.from({ length: layout.spaces?.all.length ?? 1 }, (_, space) => space);
    this.#cheap = spaces.map((space) => new Coalescer(database, layout, space, false));
    this.#costly = spaces.map((space) => new Coalescer(database, layout, space, true));
    this.textFields = database.textFields();
    shareAnswers();
    this.#detailed = new DetailedSearches(database, layout, this.textFields);
  }

  one<T>(vector: unknown, spec: SearchSpec, shape: Shape<T>): Promise<T> {
    if (spec.signal?.aborted) throw abortedError(spec.signal);
    const lanes = isCostly(spec) ? this.#costly : this.#cheap;
    return (lanes[spec.space] as Coalescer).submit(vector, spec, shape);
  }

  /** `vector` is a checked copy, or undefined for a search by text alone. */
  detailed(vector: Float32Array | undefined, spec: SearchSpec, details: Details): Promise<ExplainedRows> {
    return this.#detailed.one(vector, spec, details);
  }

  /** `source` is copied before this returns when it is small; see COPIED_AT_ONCE_BYTES. */
  many<T>(source: VectorSource, spec: SearchSpec, shape: Shape<T>): Promise<T[]> {
    if (spec.signal?.aborted) throw abortedError(spec.signal);
    const batch = this.#run(source, spec, shape);
    this.#batches.add(batch);
    const forget = () => this.#batches.delete(batch);
    batch.then(forget, forget);
    return batch;
  }

  oneSync<T>(query: Float32Array, spec: SearchSpec, shape: Shape<T>): T {
    writeParams(spec, this.#params, 0);
    const filters = spec.filter === undefined ? undefined : [spec.filter];
    const answer = this.#database.searchSync(query, 1, this.#params, filters, undefined);
    const reader = new SearchReader(answer, 1, this.#layout);
    const failure = reader.takeError(spec);
    if (failure) throw failure;
    return shape(reader, spec);
  }

  manySync<T>(source: VectorSource, spec: SearchSpec, shape: Shape<T>): T[] {
    const results: T[] = [];
    const piece = MAX_PIECE * PIECES_PER_VIEW;
    for (let from = 0; from < source.rows; from += piece) {
      const count = Math.min(piece, source.rows - from);
      const { params, filters } = request(count, spec);
      const answer = this.#database.searchSync(source.read(from, from + count), count, params, filters, undefined);
      const reader = new SearchReader(answer, count, this.#layout);
      for (let i = 0; i < count; i++) {
        const failure = reader.takeError(spec);
        if (failure) throw failure;
        results.push(shape(reader, spec));
      }
    }
    return results;
  }

  async #run<T>(source: VectorSource, spec: SearchSpec, shape: Shape<T>): Promise<T[]> {
    const { signal } = spec;
    const task = signal ? native().createTask() : undefined;
    let fail: (error: SageDBError) => void = () => {};
    const aborted = new Promise<never>((_, reject) => {
      fail = reject;
    });
    aborted.catch(() => {});
    const stop = onAbort(signal, () => {
      native().cancelTask(task as NativeTask);
      fail(abortedError(signal as AbortSignal));
    });
    try {
      return await Promise.race([aborted, this.#pieces(source, spec, shape, task)]);
    } finally {
      stop();
    }
  }

  async #pieces<T>(
    source: VectorSource,
    spec: SearchSpec,
    shape: Shape<T>,
    task: NativeTask | undefined,
  ): Promise<T[]> {
    const results: T[] = [];
    const { dimension } = spaceAt(this.#layout, spec.space);
    const rows = Math.max(1, Math.min(MAX_PIECE, Math.floor(MAX_PIECE_BYTES / (dimension * 4))));
    const copied = source.bytes <= COPIED_AT_ONCE_BYTES ? source.read(0, source.rows).slice() : undefined;
    const read = (from: number, to: number) =>
      copied ? copied.subarray(from * dimension, to * dimension) : source.read(from, to);
    const views = new Views(this.#database, rows * PIECES_PER_VIEW);
    const start = (from: number): Promise<NativeSearchResult> | undefined => {
      if (from >= source.rows || spec.signal?.aborted) return undefined;
      const answer = this.#piece(read, from, Math.min(from + rows, source.rows), spec, task, views);
      answer.catch(() => {});
      return answer;
    };
    try {
      // One piece is answered, one waits in the addon's queue.
      const under = [start(0), start(rows)];
      for (let from = 0; from < source.rows; from += rows) {
        const answer = await under.shift();
        if (answer === undefined) break;
        under.push(start(from + 2 * rows));
        await this.#shapeAll(answer, Math.min(rows, source.rows - from), spec, shape, results);
      }
    } finally {
      views.close();
    }
    return results;
  }

  async #piece(
    read: (from: number, to: number) => Float32Array,
    from: number,
    to: number,
    spec: SearchSpec,
    task: NativeTask | undefined,
    views: Views,
  ): Promise<NativeSearchResult> {
    await bulkLane.acquire();
    try {
      const { params, filters } = request(to - from, spec);
      const tasks = task && new Array<NativeTask>(to - from).fill(task);
      return await new Promise<NativeSearchResult>((resolve, reject) => {
        const settle = (error: Error | null, ...result: NativeSearchResult | []) => {
          if (error) reject(fromNative(error));
          else resolve(result as NativeSearchResult);
        };
        const count = to - from;
        this.#database.search(read(from, to), count, params, filters, tasks, settle, true, false, views.at(from));
      });
    } catch (error) {
      throw fromNative(error as Error);
    } finally {
      bulkLane.leave();
    }
  }

  async #shapeAll<T>(
    answer: NativeSearchResult,
    count: number,
    spec: SearchSpec,
    shape: Shape<T>,
    results: T[],
  ): Promise<void> {
    const reader = new SearchReader(answer, count, this.#layout);
    const slice = new TimeSlice();
    for (let i = 0; i < count; i++) {
      const failure = reader.takeError(spec);
      if (failure) throw failure;
      results.push(shape(reader, spec));
      if (slice.over) await slice.pause();
    }
  }

  /** Resolves when every search made so far is settled. */
  async drained(): Promise<void> {
    const lanes = [...this.#cheap, ...this.#costly, this.#detailed].map((user) => user.drained());
    await Promise.all([...lanes, Promise.allSettled(this.#batches)]);
  }
}

/** The snapshots of one batchSearch, one after the other. A piece that was dispatched keeps its own. */
class Views {
  readonly #database: NativeDatabase;
  readonly #rows: number;
  #view: NativeView | undefined;
  #end = 0;
  #closed = false;

  constructor(database: NativeDatabase, rows: number) {
    this.#database = database;
    this.#rows = rows;
  }

  /** For the queries from here on; asked for in rising order. None when nobody waits for the answers any more. */
  at(from: number): NativeView | undefined {
    if (this.#closed) return undefined;
    if (this.#view === undefined || from >= this.#end) {
      this.#release();
      this.#view = this.#database.view();
      this.#end = from + this.#rows;
    }
    return this.#view;
  }

  close(): void {
    this.#closed = true;
    this.#release();
  }

  #release(): void {
    if (this.#view !== undefined) native().releaseView(this.#view);
    this.#view = undefined;
  }
}

/** Parameters of `count` queries with the same options. */
function request(count: number, spec: SearchSpec): { params: Float64Array; filters: string[] | undefined } {
  const params = new Float64Array(count * PARAMS);
  for (let i = 0; i < count; i++) writeParams(spec, params, i);
  return { params, filters: spec.filter === undefined ? undefined : new Array<string>(count).fill(spec.filter) };
}
