// One package in a process of its own, driven by run.ts over IPC.
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { type DataFiles, type DataSet, loadSet } from '../data/sets.js';
import type { Matrix } from '../data/vector-file.js';
import { findAdapter, labelsOf, type PeerConfig, type PeerIndex } from './adapter.js';
import {
  batchRate,
  filteredRate,
  mixedRate,
  type Queries,
  type Rate,
  recallOf,
  searchRate,
  syncRate,
  withLoopDelay,
} from './loops.js';
import { memory, resetPeak } from './memory.js';

const IN_FLIGHT = 64;
const MIXED_IN_FLIGHT = 16;
// A worker thread does not inherit the TypeScript loader of its process.
const WORKER = `import('tsx/esm/api').then(({ register }) => {
  register();
  return import(${JSON.stringify(new URL('./worker.ts', import.meta.url).href)});
});`;
const name = process.argv[2] as string;
const adapter = await findAdapter(name);
const folder = mkdtempSync(path.join(tmpdir(), `sagedb-bench-${name}-`));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

let set: DataSet;
let config: PeerConfig;
let index: PeerIndex;
let queries: Queries;
let inserted = 0;
let workers: Worker[] | undefined;

const methods = {
  async load({ files, k, M, efConstruction }: { files: DataFiles; k: number; M: number; efConstruction: number }) {
    set = loadSet(files);
    queries = { queries: set.queries, truth: set.truth, k };
    const { rows, dimension, metric } = set;
    config = { dimension, metric, M, efConstruction, folder, capacity: rows + set.extra.rows };
    const labels = labelsOf(rows);
    index = await adapter.create(config);
    resetPeak();
    const before = memory().resident;
    const cpu = process.cpuUsage();
    const start = performance.now();
    const delay = await withLoopDelay(async () => {
      await index.load({ base: set.base.values, rows, labels });
      return {};
    });
    const seconds = (performance.now() - start) / 1000;
    const used = process.cpuUsage(cpu);
    const peak = memory().peak;
    // The base vectors are the bench's own copy.
    set.base = { ...set.base, values: new Float32Array() };
    globalThis.gc?.();
    const resident = memory().resident + rows * dimension * 4;
    return {
      seconds,
      cpuSeconds: (used.user + used.system) / 1e6,
      memory: resident - before,
      peak: peak - before,
      disk: diskBytes(folder),
      ...delay,
    };
  },
  async recall({ ef, limit }: { ef: number; limit?: number }) {
    index.setEf(ef);
    return recallOf(index, queries, limit);
  },
  async one({ ef, seconds }: { ef: number; seconds: number }) {
    index.setEf(ef);
    return searchRate(index, queries, 1, seconds);
  },
  async sync({ ef, seconds }: { ef: number; seconds: number }) {
    index.setEf(ef);
    return syncRate(index, queries, seconds);
  },
  async all({ ef, seconds, below }: { ef: number; seconds: number; below?: number }) {
    index.setEf(ef);
    if (adapter.cores === 'workers') return workersRate(ef, seconds, below);
    return adapter.cores === 'batch'
      ? batchRate(index, queries, seconds, below)
      : searchRate(index, queries, IN_FLIGHT, seconds, below);
  },
  async batch({ ef, seconds, below }: { ef: number; seconds: number; below?: number }) {
    index.setEf(ef);
    return batchRate(index, queries, seconds, below);
  },
  async filtered({
    ef,
    seconds,
    below,
    truth,
  }: {
    ef: number;
    seconds: number;
    below: number;
    truth: Matrix<Int32Array>;
  }) {
    index.setEf(ef);
    return filteredRate(index, queries, below, truth, seconds);
  },
  async mixed({ ef, seconds }: { ef: number; seconds: number }) {
    index.setEf(ef);
    const result = await mixedRate(
      index,
      queries,
      set.extra,
      set.rows + inserted,
      MIXED_IN_FLIGHT,
      seconds,
      !adapter.mixedAsync,
    );
    inserted += result.inserted;
    return result;
  },
  async close() {
    await Promise.all((workers ?? []).map((worker) => worker.terminate()));
    await index.close();
    setImmediate(() => process.exit(0));
  },
};

async function workersRate(ef: number, seconds: number, below?: number): Promise<Rate> {
  if (!workers) {
    await index.save?.(folder);
    const workerData = { name, config, queries };
    workers = Array.from({ length: availableParallelism() }, () => new Worker(WORKER, { eval: true, workerData }));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
  }
  for (const worker of workers) worker.postMessage({ ef, seconds, below });
  const rates = (await Promise.all(workers.map((worker) => once(worker, 'message')))).map(([rate]) => rate as Rate);
  return {
    perSecond: rates.reduce((sum, rate) => sum + rate.perSecond, 0),
    p50: Math.max(...rates.map((rate) => rate.p50)),
    p99: Math.max(...rates.map((rate) => rate.p99)),
    loopP99: 0,
    loopMax: 0,
  };
}

function diskBytes(where: string): number {
  let sum = 0;
  for (const entry of readdirSync(where, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += statSync(path.join(entry.parentPath ?? entry.path, entry.name)).size;
  }
  return sum;
}

process.on('message', async ({ id, method, args }: { id: number; method: keyof typeof methods; args: never }) => {
  try {
    process.send?.({ id, result: await methods[method](args) });
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });
