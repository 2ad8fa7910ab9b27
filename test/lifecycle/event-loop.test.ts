// Property: the event loop and the process's other work go on while the engine is busy. Bounds are ratios to what this machine does at
// the same load of its processors, so that a slow or shared machine does not fail them.
import { readFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { random, randomFlat } from '../support/numbers.js';

const DIMENSION = 64;

/** 99th percentile of the event loop's delay during `work`, in milliseconds. */
async function delayDuring(work: () => Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await work();
  histogram.disable();
  return histogram.percentile(99) / 1e6;
}

/** The same processors, busy with threads that know nothing of us: what the loop's delay is then. */
async function delayUnderForeignLoad(): Promise<number> {
  const spin = 'const end = Date.now() + 1500; while (Date.now() < end);';
  const workers = Array.from({ length: 3 }, () => new Worker(spin, { eval: true }));
  const exits = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
  await wait(300);
  return delayDuring(() => Promise.all(exits));
}

test('inserts, builds and 64 searches in flight leave the loop as free as foreign threads would', async () => {
  const foreign = await delayUnderForeignLoad();
  const data = randomFlat(random(1), 12_000, DIMENSION);
  const metadata = Array.from({ length: 12_000 }, (_, i) => ({ i, text: `row ${i}` }));
  const db = await SageDB.open({ dimension: DIMENSION, metric: 'l2' });
  let running = true;
  let searches = 0;
  const searchers = Array.from({ length: 64 }, async (_, s) => {
    for (let i = s; running; i = (i + 64) % 12_000) {
      await db.search(data.subarray(i * DIMENSION, (i + 1) * DIMENSION));
      searches++;
    }
  });
  const ours = await delayDuring(async () => {
    await db.addBatch(data.subarray(0, 8_000 * DIMENSION), metadata.slice(0, 8_000));
    for (let i = 8_000; i < 12_000; i += 500) {
      await db.addBatch(data.subarray(i * DIMENSION, (i + 500) * DIMENSION), metadata.slice(i, i + 500));
    }
    await db.buildIndex();
  });
  running = false;
  await Promise.all(searchers);
  await db.close();
  console.log(
    `event loop delay p99: ${ours.toFixed(1)} ms; under foreign load ${foreign.toFixed(1)} ms; ${searches} searches`,
  );
  expect(searches).toBeGreaterThan(100);
  // Copying 8,000 rows, or building, on this thread would take hundreds of milliseconds.
  expect(ours).toBeLessThan(Math.max(30, foreign * 4));
});

test('file reads do not wait for a saturated engine', async () => {
  const data = randomFlat(random(2), 30_000, DIMENSION);
  const db = await SageDB.open({ dimension: DIMENSION, metric: 'l2', rebuildThreshold: 1_000_000 });
  await db.addBatch(data);
  const queries = data.subarray(0, 4000 * DIMENSION);
  let finished = false;
  const busy = Promise.all([
    db.batchSearch(queries, { exact: true }),
    ...Array.from({ length: 1500 }, (_, i) =>
      db.search(data.subarray(i * DIMENSION, (i + 1) * DIMENSION), { exact: true }),
    ),
    ...Array.from({ length: 1500 }, (_, i) => db.search(data.subarray(i * DIMENSION, (i + 1) * DIMENSION))),
    ...Array.from({ length: 50 }, () => db.count({})),
  ]).then(() => {
    finished = true;
  });
  const start = performance.now();
  const reads: number[] = [];
  while (!finished) {
    const before = performance.now();
    await readFile(import.meta.filename);
    reads.push(performance.now() - before);
    await wait(5);
  }
  await busy;
  const total = performance.now() - start;
  await db.close();
  reads.sort((a, b) => a - b);
  const median = reads[Math.floor(reads.length / 2)] as number;
  console.log(
    `file read median ${median.toFixed(1)} ms, of ${reads.length}, while searches took ${total.toFixed(0)} ms`,
  );
  // Queued behind the searches, the first read would come back when they are done.
  expect(reads.length).toBeGreaterThan(5);
  expect(median).toBeLessThan(total / 10);
});

// Workers that stay for the next question give their thread of libuv's pool back in time. Four queues' worth of them hold all of it.
test('file reads do not wait for callers that never pause', async () => {
  const data = randomFlat(random(3), 2000, DIMENSION);
  const db = await SageDB.open({ dimension: DIMENSION, metric: 'l2' });
  const [id] = await db.addBatch(data);
  await db.buildIndex();
  const query = data.subarray(0, DIMENSION);
  let on = true;
  let answers = 0;
  const loop = async (ask: () => Promise<unknown>) => {
    while (on) {
      await ask();
      answers++;
    }
  };
  const loops = [
    ...Array.from({ length: 64 }, () => loop(() => db.search(query))),
    loop(() => db.batchSearch(data.subarray(0, 20 * DIMENSION))),
    loop(() => db.get(id as number)),
  ];
  for (let read = 0; read < 30; read++) {
    const before = answers;
    await readFile(import.meta.filename);
    // Ever so many questions that were asked later would go first.
    expect(answers - before).toBeLessThan(20_000);
  }
  on = false;
  await Promise.all(loops);
  await db.close();
});
