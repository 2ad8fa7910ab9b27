import { availableParallelism, cpus } from 'node:os';
import { Worker } from 'node:worker_threads';
import { native, nativePath } from '../../native.js';
import { clusteredVectors } from '../../random.js';
import { SageDB } from '../../sage-db.js';
import type { Command } from '../command.js';
import { printFacts, printJson } from '../output.js';

interface Report {
  node: string;
  platform: string;
  processor: string;
  features: string[];
  binary: string;
  origin: 'prebuilt' | 'built here';
  compiler: string;
  parallel: string;
  threads: number;
  kernels: string;
  supportedKernels: string[];
  loadMilliseconds: number;
  checks: { name: string; ok: boolean; detail: string }[];
}

const rows = 3000;
const dimension = 64;
const queries = 100;

function libc(): string {
  if (process.platform !== 'linux') return '';
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime ? `, glibc ${header.glibcVersionRuntime}` : ', musl';
}

/** Runs the checks one by one; one that throws is a failed check, not a failed report. */
async function selfTest(): Promise<Report['checks']> {
  const checks: Report['checks'] = [];
  const check = async (name: string, body: () => Promise<string>) => {
    try {
      checks.push({ name, ok: true, detail: await body() });
    } catch (error) {
      checks.push({ name, ok: false, detail: error instanceof Error ? error.message : String(error) });
    }
  };
  const vectors = clusteredVectors(rows + queries, dimension, 1);
  const questions = vectors.subarray(rows * dimension);
  const db = await SageDB.open({ dimension, metric: 'l2', index: { type: 'hnsw' } });
  try {
    await check('write and index', async () => {
      const started = performance.now();
      await db.addBatch(vectors.subarray(0, rows * dimension));
      await db.buildIndex();
      return `${rows} rows of ${dimension} in ${(performance.now() - started).toFixed(0)} ms`;
    });
    await check('search against exact search', async () => {
      const found = await db.batchSearch(questions, { k: 10, ef: 200 });
      const truth = await db.batchSearch(questions, { k: 10, exact: true });
      const ids = (hits: { id: string | number }[]) => new Set(hits.map((hit) => hit.id));
      const hits = truth.map((list, i) => list.filter((hit) => ids(found[i] ?? []).has(hit.id)).length);
      const recall = hits.reduce((sum, n) => sum + n, 0) / (10 * queries);
      if (recall < 0.95) throw new Error(`recall@10 is ${recall.toFixed(3)}, at least 0.95 expected`);
      return `recall@10 ${recall.toFixed(3)}`;
    });
    await check('worker thread', () => searchInWorker());
  } finally {
    await db.close();
  }
  return checks;
}

// The addon alone: a Worker loads it a second time and leaves again.
function searchInWorker(): Promise<string> {
  const program = `const { parentPort, workerData } = require('node:worker_threads');
    parentPort.postMessage(require(workerData).hardwareThreads());`;
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { eval: true, workerData: nativePath() });
    worker.once('message', (threads) => worker.once('exit', () => resolve(`loaded, ${threads} threads`)));
    worker.once('error', reject);
  });
}

async function examine(): Promise<Report> {
  const started = performance.now();
  const info = native().buildInfo();
  const loadMilliseconds = performance.now() - started;
  const binary = nativePath();
  return {
    node: process.version,
    platform: `${process.platform}-${process.arch}${libc()}`,
    processor: cpus()[0]?.model.trim() || 'unknown',
    features: info.features,
    binary,
    origin: /[\\/]prebuilds[\\/]/.test(binary) ? 'prebuilt' : 'built here',
    compiler: info.compiler,
    parallel: info.parallel,
    threads: native().hardwareThreads(),
    kernels: info.chosenKernels,
    supportedKernels: info.kernels,
    loadMilliseconds,
    checks: await selfTest(),
  };
}

function print(report: Report): void {
  const threads = `${report.threads} (of ${availableParallelism()} processors), ${report.parallel}`;
  const facts: [string, string][] = [
    ['node', report.node],
    ['platform', report.platform],
    ['processor', report.processor],
    ['features', report.features.join(', ') || 'none beyond the platform'],
    ['binary', `${report.binary} (${report.origin}, ${report.compiler})`],
    ['loaded in', `${report.loadMilliseconds.toFixed(1)} ms`],
    ['threads', threads],
    ['kernels', `${report.kernels} (this processor runs ${report.supportedKernels.join(', ')})`],
    ...report.checks.map(({ name, ok, detail }): [string, string] => [name, `${ok ? 'ok' : 'FAILED'}: ${detail}`]),
  ];
  printFacts(facts);
}

export const doctor: Command = {
  name: 'doctor',
  summary: 'show platform, processor, kernels, binary and threads, and run a self-test',
  description: [
    'The self-test writes, indexes and searches generated vectors in memory, compares with exact search, and loads the addon in a worker thread. Exit code 1 when a check fails.',
  ],
  async run({ json }) {
    const report = await examine();
    if (json) printJson(report);
    else print(report);
    return report.checks.every(({ ok }) => ok) ? 0 : 1;
  },
};
