// Timed loops over one index. All return plain numbers so that they can travel between processes.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { recallAt } from '../data/sets.js';
import type { Matrix } from '../data/vector-file.js';
import type { PeerIndex } from './adapter.js';

export interface Rate {
  perSecond: number;
  p50: number;
  p99: number;
  /** Event-loop delay in ms while it ran: 99th percentile and longest. */
  loopP99: number;
  loopMax: number;
}

export interface Queries {
  queries: Matrix;
  truth: Matrix<Int32Array>;
  k: number;
}

export function percentile(values: number[], share: number): number {
  if (values.length === 0) return 0;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
}

/** Made once: a view of an array costs as much as a hundredth of a search. */
const views = new WeakMap<Matrix, Float32Array[]>();

function query({ queries }: Queries, i: number): Float32Array {
  let rows = views.get(queries);
  if (!rows) {
    const { values, dimension } = queries;
    rows = Array.from({ length: queries.rows }, (_, row) => values.subarray(row * dimension, (row + 1) * dimension));
    views.set(queries, rows);
  }
  return rows[i % rows.length] as Float32Array;
}

export async function withLoopDelay<T>(work: () => Promise<T>): Promise<T & { loopP99: number; loopMax: number }> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  // The first tick only starts the clock: a block before it would go unseen.
  await new Promise((resolve) => setTimeout(resolve, 5));
  const result = await work();
  // The histogram is filled by a timer: a block that lasted to the end is seen only in the next turn.
  await new Promise((resolve) => setTimeout(resolve, 5));
  delay.disable();
  // The timer's own millisecond is not delay.
  const ms = (ns: number) => Math.max(0, ns / 1e6 - 1);
  return { ...result, loopP99: ms(delay.percentile(99)), loopMax: ms(delay.max) };
}

/** Mean recall@k over the first `limit` queries. */
export async function recallOf(index: PeerIndex, q: Queries, limit = q.queries.rows): Promise<number> {
  const found: number[][] = [];
  for (let i = 0; i < Math.min(limit, q.queries.rows); i++)
    found.push(Array.from(await index.search(query(q, i), q.k)));
  return recallAt(q.k, q.truth, found);
}

/**
 * `inFlight` callers, each awaiting its search before the next. A synchronous search gives a turn to the loop after each call. With `below`
 * only rows with smaller labels.
 */
export async function searchRate(
  index: PeerIndex,
  q: Queries,
  inFlight: number,
  seconds: number,
  below?: number,
): Promise<Rate> {
  const filtered = index.filtered?.bind(index);
  if (below !== undefined && !filtered) throw new Error('the package has no filters');
  const search = (vector: Float32Array) =>
    below !== undefined && filtered ? filtered(vector, q.k, below) : index.search(vector, q.k);
  const latencies: number[] = [];
  let next = 0;
  const rate = await withLoopDelay(async () => {
    const start = performance.now();
    const caller = async () => {
      while (performance.now() - start < seconds * 1000) {
        const asked = performance.now();
        const answer = search(query(q, next++));
        if (answer instanceof Promise) await answer;
        else if (inFlight > 1 || next % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
        latencies.push((performance.now() - asked) * 1000);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, caller));
    return { perSecond: (latencies.length * 1000) / (performance.now() - start) };
  });
  return { ...rate, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

export function syncRate(index: PeerIndex, q: Queries, seconds: number): Rate | undefined {
  if (!index.searchSync) return undefined;
  const latencies: number[] = [];
  const start = performance.now();
  for (let i = 0; performance.now() - start < seconds * 1000; i++) {
    const asked = performance.now();
    index.searchSync(query(q, i), q.k);
    latencies.push((performance.now() - asked) * 1000);
  }
  const perSecond = (latencies.length * 1000) / (performance.now() - start);
  return { perSecond, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), loopP99: 0, loopMax: 0 };
}

/** All queries in one call, again and again; latencies are of whole batches. */
export async function batchRate(
  index: PeerIndex,
  q: Queries,
  seconds: number,
  below?: number,
): Promise<Rate | undefined> {
  const { queries, k } = q;
  const filtered = index.filteredBatch?.bind(index);
  const plain = index.batch?.bind(index);
  const batch =
    below === undefined
      ? plain && (() => plain(queries.values, queries.rows, k))
      : filtered && (() => filtered(queries.values, queries.rows, k, below));
  if (!batch) return undefined;
  const latencies: number[] = [];
  const rate = await withLoopDelay(async () => {
    const start = performance.now();
    while (performance.now() - start < seconds * 1000) {
      const asked = performance.now();
      await batch();
      latencies.push((performance.now() - asked) * 1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { perSecond: (latencies.length * q.queries.rows * 1000) / (performance.now() - start) };
  });
  return { ...rate, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

export interface FilteredRate {
  perSecond: number;
  recall: number;
  /** Mean share of k that came back. */
  returned: number;
  /** Of synchronous calls: the same where a package has no others, undefined where it has none. */
  syncPerSecond?: number;
}

/** One caller; labels below `below` only. `truth` is exact among the matching rows. */
export async function filteredRate(
  index: PeerIndex,
  q: Queries,
  below: number,
  truth: Matrix<Int32Array>,
  seconds: number,
): Promise<FilteredRate | undefined> {
  const search = index.filtered?.bind(index);
  if (!search) return undefined;
  const found: number[][] = [];
  const start = performance.now();
  let count = 0;
  let awaited = false;
  // Every query with a ground truth once, then on until the time is over.
  while (count < truth.rows || performance.now() - start < seconds * 1000) {
    const answer = search(query(q, count % truth.rows), q.k, below);
    awaited = answer instanceof Promise;
    const rows = await answer;
    if (count < truth.rows) found.push(Array.from(rows));
    count++;
  }
  const perSecond = (count * 1000) / (performance.now() - start);
  const returned = found.reduce((sum, rows) => sum + rows.length, 0) / (found.length * q.k);
  const rate: FilteredRate = { perSecond, recall: recallAt(q.k, truth, found), returned };
  const sync = index.filteredSync?.bind(index);
  if (sync) {
    const begin = performance.now();
    let done = 0;
    for (; done < truth.rows || performance.now() - begin < seconds * 1000; done++) {
      sync(query(q, done % truth.rows), q.k, below);
    }
    rate.syncPerSecond = (done * 1000) / (performance.now() - begin);
  } else if (!awaited) {
    rate.syncPerSecond = perSecond;
  }
  return rate;
}

export interface MixedRate {
  perSecond: number;
  searchP50: number;
  searchP99: number;
  inserted: number;
  /** Share of all rows that an index served at the end; undefined when the package does not say. */
  indexedShare?: number;
  loopP99: number;
  loopMax: number;
}

/** 90% searches and 10% single-row inserts from `inFlight` callers. */
export async function mixedRate(
  index: PeerIndex,
  q: Queries,
  extra: Matrix,
  firstId: number,
  inFlight: number,
  seconds: number,
  sync: boolean,
): Promise<MixedRate> {
  const latencies: number[] = [];
  let inserted = 0;
  let operations = 0;
  const rate = await withLoopDelay(async () => {
    const start = performance.now();
    const caller = async () => {
      while (performance.now() - start < seconds * 1000) {
        const number = operations++;
        if (number % 10 === 9) {
          const at = (inserted % extra.rows) * extra.dimension;
          await index.insert?.(extra.values.subarray(at, at + extra.dimension), firstId + inserted++);
          continue;
        }
        const asked = performance.now();
        if (sync && index.searchSync) index.searchSync(query(q, number), q.k);
        else await index.search(query(q, number), q.k);
        latencies.push((performance.now() - asked) * 1000);
        if (number % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all(Array.from({ length: inFlight }, caller));
    return { perSecond: (operations * 1000) / (performance.now() - start) };
  });
  const indexed = index.indexedRows?.();
  return {
    ...rate,
    searchP50: percentile(latencies, 0.5),
    searchP99: percentile(latencies, 0.99),
    inserted,
    ...(indexed === undefined ? {} : { indexedShare: indexed / (firstId + inserted) }),
  };
}
