// What a call costs between JavaScript and the engine: lone searches, 64 in flight, and the event loop's delay under full load.
//
//   npm run build && node bench/call-path.mjs [--rows 20000] [--dimension 768] [--load-rows 100000]
//
// Every figure is a median of several rounds; compared figures are measured in turns in one run. Times of calls are means of a round, as the
// engine's are: what collections of garbage and wake-ups cost now and then is in them.
import { availableParallelism, cpus } from 'node:os';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { SageDB } from '../dist/index.js';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '20000' },
    dimension: { type: 'string', default: '768' },
    'load-rows': { type: 'string', default: '100000' },
    'load-dimension': { type: 'string', default: '128' },
    only: { type: 'string', default: '' },
  },
});
const rows = Number(values.rows);
const dimension = Number(values.dimension);

function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

/** Rows around 200 centres, so that the graph has something to find. */
function clustered(count, dim, seed) {
  const next = random(seed);
  const centres = Array.from({ length: 200 }, () => Float32Array.from({ length: dim }, () => next() * 2 - 1));
  const flat = new Float32Array(count * dim);
  for (let i = 0; i < count; i++) {
    const centre = centres[Math.floor(next() * centres.length)];
    for (let d = 0; d < dim; d++) flat[i * dim + d] = centre[d] + (next() - 0.5) * 0.8;
  }
  return flat;
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;
const percentile = (list, p) => list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * p))];
const row = (data, dim, i) => data.subarray(i * dim, (i + 1) * dim);
const print = (name, value) => console.log(`${name.padEnd(58)} ${value}`);

async function engineMicroseconds(db, work) {
  const before = db.stats();
  await work();
  const after = db.stats();
  const sum = (s) => s.averageSearchMicroseconds * s.totalSearches;
  return (sum(after) - sum(before)) / (after.totalSearches - before.totalSearches);
}

async function lone(db, queries, options) {
  const count = queries.length / dimension;
  const awaited = [];
  const sync = [];
  const engine = [];
  for (let round = 0; round < 5; round++) {
    const times = [];
    engine.push(
      await engineMicroseconds(db, async () => {
        for (let i = 0; i < count; i++) {
          const start = performance.now();
          await db.search(row(queries, dimension, i), options);
          times.push((performance.now() - start) * 1000);
        }
      }),
    );
    awaited.push(mean(times));
    const blocking = [];
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      db.searchSync(row(queries, dimension, i), options);
      blocking.push((performance.now() - start) * 1000);
    }
    sync.push(mean(blocking));
  }
  const [a, s, e] = [median(awaited), median(sync), median(engine)];
  print(
    `one awaiting caller, ${JSON.stringify(options)}`,
    `${a.toFixed(1)} µs (engine ${e.toFixed(1)}, path ${(a - e).toFixed(1)})`,
  );
  print('  searchSync', `${s.toFixed(1)} µs (path ${(s - e).toFixed(1)})`);
}

async function inFlight(db, queries, width, seconds, options) {
  const count = queries.length / dimension;
  let next = 0;
  let done = 0;
  const end = performance.now() + seconds * 1000;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (performance.now() < end) {
        await db.search(row(queries, dimension, next++ % count), options);
        done++;
      }
    }),
  );
  return done / ((performance.now() - start) / 1000);
}

async function throughput(db, queries, options) {
  const count = queries.length / dimension;
  const engine = [];
  const single = [];
  const flights = [];
  const batches = [];
  for (let round = 0; round < 5; round++) {
    engine.push(1e6 / (await engineMicroseconds(db, () => db.batchSearchSync(queries, options))));
    flights.push(await inFlight(db, queries, 64, 1, options));
    single.push(await inFlight(db, queries, 1, 0.5, options));
    const start = performance.now();
    await db.batchSearch(queries, options);
    batches.push(count / ((performance.now() - start) / 1000));
  }
  const best = median(engine);
  const share = (qps) => `${qps.toFixed(0)}/s (${((100 * qps) / best).toFixed(0)}% of the engine)`;
  print(`engine batch, ${JSON.stringify(options)}`, `${best.toFixed(0)}/s`);
  print('  64 in flight', share(median(flights)));
  print('  batchSearch', share(median(batches)));
  print('  1 in flight', share(median(single)));
}

async function eventLoop() {
  const total = Number(values['load-rows']);
  const dim = Number(values['load-dimension']);
  const data = clustered(total, dim, 7);
  const db = await SageDB.open({ dimension: dim, metric: 'l2' });
  const metadata = Array.from({ length: total }, (_, i) => ({ i, text: `row ${i}` }));
  await db.addBatch(data.subarray(0, 1000 * dim), metadata.slice(0, 1000));
  let running = true;
  let searches = 0;
  const latencies = [];
  const searchers = Array.from({ length: 64 }, async (_, s) => {
    for (let i = s; running; i += 64) {
      const start = performance.now();
      await db.search(row(data, dim, i % total), { k: 10 });
      latencies.push(performance.now() - start);
      searches++;
    }
  });
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  const start = performance.now();
  for (let i = 1000; i < total; i += 1000) {
    await db.addBatch(data.subarray(i * dim, (i + 1000) * dim), metadata.slice(i, i + 1000));
  }
  const inserted = performance.now();
  await db.buildIndex();
  const built = performance.now();
  histogram.disable();
  running = false;
  await Promise.all(searchers);
  print(
    `event loop delay: ${total} × ${dim} inserted, built, 64 searching`,
    `p50 ${(histogram.percentile(50) / 1e6 - 1).toFixed(2)}, p99 ${(histogram.percentile(99) / 1e6 - 1).toFixed(2)}, max ${(histogram.max / 1e6 - 1).toFixed(1)} ms`,
  );
  print(
    '  inserted / built in',
    `${((inserted - start) / 1000).toFixed(1)} s / ${((built - inserted) / 1000).toFixed(1)} s`,
  );
  print(
    '  searches meanwhile',
    `${(searches / ((built - start) / 1000)).toFixed(0)}/s, p50 ${median(latencies).toFixed(1)} ms, p99 ${percentile(latencies, 0.99).toFixed(1)} ms`,
  );
  await db.close();
  await largeBatch(data, dim, metadata);
}

async function largeBatch(data, dim, metadata) {
  const db = await SageDB.open({ dimension: dim, metric: 'l2' });
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  const start = performance.now();
  await db.addBatch(data, metadata);
  const elapsed = performance.now() - start;
  histogram.disable();
  print(
    `one addBatch of ${metadata.length} × ${dim}`,
    `${elapsed.toFixed(0)} ms; event loop p99 ${(histogram.percentile(99) / 1e6 - 1).toFixed(2)}, max ${(histogram.max / 1e6 - 1).toFixed(1)} ms`,
  );
  await db.close();
}

console.log(
  `${cpus()[0]?.model}, ${availableParallelism()} processors, Node ${process.versions.node}, ${new Date().toISOString()}`,
);
if (values.only !== 'load') {
  const db = await SageDB.open({ dimension, metric: 'cosine' });
  const data = clustered(rows, dimension, 1);
  await db.addBatch(
    data,
    Array.from({ length: rows }, (_, i) => ({ i, category: `c${i % 10}`, text: `a passage number ${i}` })),
  );
  await db.buildIndex();
  const queries = clustered(2000, dimension, 1).map((v, i) => v + ((i * 7919) % 13) * 0.001);
  await lone(db, queries, { k: 10, ef: 64, includeMetadata: false });
  await lone(db, queries, { k: 10, ef: 64 });
  await throughput(db, queries, { k: 10, ef: 64, includeMetadata: false });
  await throughput(db, queries, { k: 10, ef: 64 });
  await db.close();
}
if (values.only !== 'calls') await eventLoop();
