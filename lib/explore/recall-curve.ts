import type { SageDB } from '../sage-db.js';
import type { Id, RawBatchSearchResult } from '../types.js';
import { joinVectors, type SampledItem } from './sample.js';

/** What one width of the graph search costs and finds on this data. */
export interface CurvePoint {
  ef: number;
  /** Share of the k true neighbours found, mean over the queries. */
  recall: number;
  /** Milliseconds of one search at a time, seen by the caller. */
  median: number;
  p95: number;
}

export interface RecallCurve {
  k: number;
  queries: number;
  /** The exact search that the others are compared with. */
  exact: { median: number; p95: number };
  points: CurvePoint[];
}

const WIDTHS = [16, 32, 64, 128, 256, 512];

/**
 * Searches for the neighbours of stored items, once exactly and once with each width. An item is not counted among its own neighbours, so
 * one hit more than k is asked for.
 */
export async function measureRecall(
  database: SageDB,
  items: readonly SampledItem[],
  k: number,
  signal: AbortSignal,
): Promise<RecallCurve> {
  const vectors = joinVectors(items, database.dimension);
  const truth = neighbours(await database.batchSearchRaw(vectors, { k: k + 1, exact: true, signal }), items, k);
  const exact = await latencies(database, items, { k: k + 1, exact: true, signal });
  const points: CurvePoint[] = [];
  for (const ef of WIDTHS.filter((width) => width > k)) {
    const found = neighbours(await database.batchSearchRaw(vectors, { k: k + 1, ef, signal }), items, k);
    points.push({ ef, recall: share(found, truth), ...(await latencies(database, items, { k: k + 1, ef, signal })) });
  }
  return { k, queries: items.length, exact, points };
}

function neighbours(raw: RawBatchSearchResult, items: readonly SampledItem[], k: number): Id[][] {
  return items.map(({ id }, query) => {
    const list: Id[] = [];
    for (let at = raw.offsets[query]!; at < raw.offsets[query + 1]!; at++) {
      const hit = raw.stringIds?.[at] ?? raw.ids[at]!;
      if (hit !== id) list.push(hit);
    }
    return list.slice(0, k);
  });
}

function share(found: Id[][], truth: Id[][]): number {
  let hits = 0;
  let wanted = 0;
  for (const [query, list] of truth.entries()) {
    const ids = new Set(found[query]);
    wanted += list.length;
    for (const id of list) if (ids.has(id)) hits++;
  }
  return wanted === 0 ? 1 : hits / wanted;
}

async function latencies(
  database: SageDB,
  items: readonly SampledItem[],
  options: { k: number; ef?: number; exact?: boolean; signal: AbortSignal },
): Promise<{ median: number; p95: number }> {
  const times: number[] = [];
  for (const { vector } of items) {
    const started = performance.now();
    await database.searchRaw(vector, options);
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  const at = (part: number) => times[Math.floor((times.length - 1) * part)] ?? 0;
  return { median: at(0.5), p95: at(0.95) };
}
