// Drives all packages over one data set: loads them one after another, then measures in turns so that a slow minute of the machine
// hits everybody. Only one process works at a time.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { DataFiles, DataSet } from '../data/sets.js';
import type { Matrix } from '../data/vector-file.js';
import { median } from '../report/table.js';
import { findAdapter, labelOf, type PeerAdapter } from './adapter.js';
import type { FilteredRate, MixedRate, Rate } from './loops.js';
import { PeerProcess } from './process.js';

export interface LoadResult {
  seconds: number;
  cpuSeconds: number;
  memory: number;
  peak: number;
  disk: number;
  loopP99: number;
  loopMax: number;
}

export interface AtTarget {
  target: number;
  ef: number;
  recall: number;
  one: Rate;
  sync?: Rate;
  all: Rate;
  batch?: Rate;
}

export interface FilteredAtRecall extends FilteredRate {
  ef: number;
  /** The better of a call with all queries and as many callers and threads as the package needs to use all cores. */
  allPerSecond: number;
}

export interface PeerResult {
  name: string;
  note: string;
  load: LoadResult;
  curve: { ef: number; recall: number; one: number; all: number }[];
  targets: AtTarget[];
  /** By share of matching rows; `ef` is the narrowest that reaches the recall under the filter. */
  filtered: Record<number, FilteredAtRecall>;
  mixed?: MixedRate;
  problems: string[];
}

export interface MeasurePlan {
  k: number;
  M: number;
  efConstruction: number;
  targets: number[];
  rounds: number;
  seconds: number;
  filters: number[];
  log(line: string): void;
}

interface Running {
  adapter: PeerAdapter;
  process: PeerProcess;
  result: PeerResult;
}

export async function measureSet(
  files: DataFiles,
  data: DataSet,
  peers: string[],
  plan: MeasurePlan,
): Promise<PeerResult[]> {
  const running: Running[] = [];
  for (const name of peers) {
    const one = await start(name, files, plan);
    if (one) running.push(one);
  }
  for (const peer of running) await guard(peer, 'curve', () => curve(peer, plan));
  for (let round = 0; round < plan.rounds; round++) {
    for (const target of plan.targets) {
      for (const peer of running) await guard(peer, 'search', () => measureRound(peer, target, plan, round));
    }
  }
  for (const below of plan.filters) {
    const truth = filteredTruth(files, data, below, plan.k);
    for (const peer of running) await guard(peer, `filter ${below}%`, () => filtered(peer, below, truth, plan));
  }
  // Last, because it changes the data and some packages do not survive it.
  for (const peer of running) await guard(peer, 'mixed 90/10', () => mixed(peer, plan));
  for (const peer of running) await peer.process.close();
  for (const { result } of running) for (const target of result.targets) finish(target);
  return running.map((peer) => peer.result);
}

async function start(name: string, files: DataFiles, plan: MeasurePlan): Promise<Running | undefined> {
  const adapter = await findAdapter(name);
  const process = await PeerProcess.start(name);
  try {
    const load = await process.call<LoadResult>(
      'load',
      { files, k: plan.k, M: plan.M, efConstruction: plan.efConstruction },
      3600,
    );
    plan.log(`${name}: loaded in ${load.seconds.toFixed(1)} s`);
    const result: PeerResult = { name, note: adapter.note, load, curve: [], targets: [], filtered: {}, problems: [] };
    return { adapter, process, result };
  } catch (error) {
    plan.log(`${name}: cannot load: ${(error as Error).message}`);
    await process.close();
    return undefined;
  }
}

async function guard(peer: Running, what: string, work: () => Promise<void>): Promise<void> {
  if (!peer.process.alive) return;
  try {
    await work();
  } catch (error) {
    const message = (error as Error).message.split('\n')[0] as string;
    peer.result.problems.push(`${what}: ${message}`);
    globalThis.process.stderr.write(`  ${peer.result.name}, ${what}: ${message}\n`);
  }
}

const EXACT_QUERIES = 40;

async function curve({ adapter, process, result }: Running, p: MeasurePlan): Promise<void> {
  const exact = adapter.efs.length === 1;
  const seconds = Math.min(p.seconds, 1);
  for (const ef of adapter.efs) {
    const recall = await process.call<number>('recall', exact ? { ef, limit: EXACT_QUERIES } : { ef });
    const one = await process.call<Rate>('one', { ef, seconds });
    const all = await process.call<Rate>('all', { ef, seconds });
    result.curve.push({ ef, recall, one: one.perSecond, all: all.perSecond });
    if (recall >= 0.9985) break;
  }
  for (const target of p.targets) {
    const point = result.curve.find((c) => c.recall >= target);
    if (point) result.targets.push({ target, ef: point.ef, recall: point.recall, one: empty(), all: empty() });
    else
      result.problems.push(
        `recall ${target} not reached (best ${Math.max(...result.curve.map((c) => c.recall)).toFixed(4)})`,
      );
  }
  p.log(`${adapter.name}: ${result.targets.map((t) => `recall ${t.recall.toFixed(4)} at ef ${t.ef}`).join(', ')}`);
}

// Samples of every round, kept beside the result until finish() takes the medians.
const samples = new WeakMap<AtTarget, Record<'one' | 'sync' | 'all' | 'batch', Rate[]>>();

function empty(): Rate {
  return { perSecond: Number.NaN, p50: Number.NaN, p99: Number.NaN, loopP99: Number.NaN, loopMax: Number.NaN };
}

async function measureRound(
  { process, result }: Running,
  target: number,
  p: MeasurePlan,
  round: number,
): Promise<void> {
  const at = result.targets.find((t) => t.target === target);
  if (!at) return;
  const kept = samples.get(at) ?? { one: [], sync: [], all: [], batch: [] };
  samples.set(at, kept);
  for (const method of ['one', 'sync', 'all', 'batch'] as const) {
    const rate = await process.call<Rate | undefined>(method, { ef: at.ef, seconds: p.seconds });
    if (rate) kept[method].push(rate);
  }
  const median = kept.one.at(-1)?.perSecond ?? 0;
  p.log(
    `round ${round + 1}, recall ${target}: ${result.name} one ${median.toFixed(0)}/s, all ${(kept.all.at(-1)?.perSecond ?? 0).toFixed(0)}/s`,
  );
}

function finish(at: AtTarget): void {
  const kept = samples.get(at);
  if (!kept) return;
  at.one = medians(kept.one);
  at.all = medians(kept.all);
  if (kept.sync.length > 0) at.sync = medians(kept.sync);
  if (kept.batch.length > 0) at.batch = medians(kept.batch);
}

function medians(rates: Rate[]): Rate {
  const of = (key: keyof Rate) => median(rates.map((rate) => rate[key]));
  return { perSecond: of('perSecond'), p50: of('p50'), p99: of('p99'), loopP99: of('loopP99'), loopMax: of('loopMax') };
}

async function filtered(peer: Running, below: number, truth: Matrix<Int32Array>, p: MeasurePlan): Promise<void> {
  const { efs } = peer.adapter;
  const few = efs.length === 1 ? { ...truth, rows: EXACT_QUERIES } : truth;
  const rate = (ef: number, seconds: number) =>
    peer.process.call<FilteredRate | undefined>('filtered', { ef, seconds, below, truth: few });
  // The narrowest ef that reaches the recall under this filter: with a filter it is another one than without.
  let chosen = efs.at(-1) ?? 0;
  for (const ef of efs) {
    const once = await rate(ef, 0);
    if (!once) return;
    if (once.recall < (p.targets[0] ?? 0.95)) continue;
    chosen = ef;
    break;
  }
  const rounds: FilteredRate[] = [];
  const all: number[] = [];
  for (let round = 0; round < p.rounds; round++) {
    const measured = await rate(chosen, p.seconds);
    if (!measured) return;
    rounds.push(measured);
    const how = { ef: chosen, seconds: p.seconds, below };
    const flight = await peer.process.call<Rate>('all', how);
    const batch = await peer.process.call<Rate | undefined>('batch', how);
    all.push(Math.max(flight.perSecond, batch?.perSecond ?? 0));
  }
  const syncs = rounds.flatMap(({ syncPerSecond }) => syncPerSecond ?? []);
  peer.result.filtered[below] = {
    ...(rounds[0] as FilteredRate),
    perSecond: median(rounds.map(({ perSecond }) => perSecond)),
    ...(syncs.length > 0 && { syncPerSecond: median(syncs) }),
    allPerSecond: median(all),
    ef: chosen,
  };
}

async function mixed(peer: Running, p: MeasurePlan): Promise<void> {
  const ef = peer.result.targets[0]?.ef ?? 0;
  peer.result.mixed = await peer.process.call<MixedRate>('mixed', { ef, seconds: 2 * p.seconds }, 2 * p.seconds + 60);
  p.log(`${peer.result.name}: mixed ${peer.result.mixed.perSecond.toFixed(0)}/s`);
}

const FILTER_QUERIES = 100;

/** Exact neighbors among the rows whose label is below `below`, for the first queries; cached beside the set. */
function filteredTruth(files: DataFiles, data: DataSet, below: number, k: number): Matrix<Int32Array> {
  const cache = path.join(path.dirname(files.extra), `filtered-${below}-${k}.i32`);
  try {
    const bytes = readFileSync(cache);
    const values = new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    return { rows: FILTER_QUERIES, dimension: k, values };
  } catch {
    const values = exactAmong(data, (row) => labelOf(row) < below, k);
    writeFileSync(cache, values);
    return { rows: FILTER_QUERIES, dimension: k, values };
  }
}

function exactAmong(data: DataSet, matches: (row: number) => boolean, k: number): Int32Array {
  const { base, queries, dimension, metric } = data;
  const out = new Int32Array(FILTER_QUERIES * k).fill(-1);
  const best = Array.from({ length: FILTER_QUERIES }, () => [] as { row: number; distance: number }[]);
  for (let row = 0; row < base.rows; row++) {
    if (!matches(row)) continue;
    const at = row * dimension;
    for (let q = 0; q < FILTER_QUERIES; q++) {
      let dot = 0;
      let norm = 0;
      let l2 = 0;
      const from = q * dimension;
      for (let i = 0; i < dimension; i++) {
        const x = base.values[at + i] as number;
        const y = queries.values[from + i] as number;
        if (metric === 'l2') l2 += (x - y) * (x - y);
        else {
          dot += x * y;
          norm += x * x;
        }
      }
      const distance = metric === 'l2' ? l2 : metric === 'ip' ? -dot : -dot / Math.sqrt(norm);
      const list = best[q] as { row: number; distance: number }[];
      if (list.length === k && distance >= (list[k - 1]?.distance ?? Number.POSITIVE_INFINITY)) continue;
      let place = list.length;
      while (place > 0 && (list[place - 1]?.distance ?? 0) > distance) place--;
      list.splice(place, 0, { row, distance });
      if (list.length > k) list.pop();
    }
  }
  for (const [q, list] of best.entries()) for (const [i, { row }] of list.entries()) out[q * k + i] = row;
  return out;
}
