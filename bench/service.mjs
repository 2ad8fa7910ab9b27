// What services, pipelines, the pool and the server cost and give: the design's table of 1,000 queries in one run.
//
//   npm run build && node bench/service.mjs [--rows 20000] [--dimension 768] [--items 10000000] [--only table,overhead,…]
//
// Parts: table, overhead, pipeline, memory, pool, server. Compared figures are measured in turns in one run; every figure is a
// median of the rounds. «CPU» is this process's processor time, which other work on the machine disturbs less than the clock.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism, loadavg } from 'node:os';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { SageDB } from '../dist/index.js';
import { LocalEnvironment } from '../dist/pipeline.js';
import { createServer } from '../dist/server.js';
import { SageDBService, SageDBServicePool, ServiceManager } from '../dist/service.js';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '20000' },
    dimension: { type: 'string', default: '768' },
    items: { type: 'string', default: '10000000' },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: 'table,overhead,pipeline,memory,pool,server' },
    client: { type: 'string' },
    connections: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '3' },
  },
});
const [rows, dimension, items, rounds] = [values.rows, values.dimension, values.items, values.rounds].map(Number);
const QUERIES = 1000;
const K = 10;

function clustered(count, seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
  const centres = Array.from({ length: 200 }, () => Float32Array.from({ length: dimension }, () => next() * 2 - 1));
  const flat = new Float32Array(count * dimension);
  for (let i = 0; i < count; i++) {
    const centre = centres[Math.floor(next() * centres.length)];
    for (let d = 0; d < dimension; d++) flat[i * dimension + d] = centre[d] + (next() - 0.5) * 0.8;
  }
  return flat;
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const number = (value, digits = 0) =>
  value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });

/** Medians of milliseconds and CPU milliseconds of alternatives, measured in turns after a warm-up. */
async function compare(alternatives, count = rounds) {
  const names = Object.keys(alternatives);
  const clock = new Map(names.map((name) => [name, []]));
  const cpu = new Map(names.map((name) => [name, []]));
  for (let round = -1; round < count; round++) {
    for (const name of names) {
      const before = process.cpuUsage();
      const started = performance.now();
      await alternatives[name]();
      const elapsed = performance.now() - started;
      const used = process.cpuUsage(before);
      if (round < 0) continue;
      clock.get(name).push(elapsed);
      cpu.get(name).push((used.user + used.system) / 1000);
    }
  }
  return Object.fromEntries(names.map((name) => [name, { ms: median(clock.get(name)), cpuMs: median(cpu.get(name)) }]));
}

async function filled() {
  const flat = clustered(rows + QUERIES, 7);
  const db = await SageDB.open({ dimension, metric: 'l2', index: { type: 'hnsw' } });
  await db.addBatch(flat.subarray(0, rows * dimension));
  await db.buildIndex();
  const queries = Array.from({ length: QUERIES }, (_, i) =>
    flat.slice((rows + i) * dimension, (rows + i + 1) * dimension),
  );
  return { db, queries };
}

async function batched(search, queries) {
  for (let i = 0; i < queries.length; i += 100) await search(queries.slice(i, i + 100));
}

async function table({ db, queries }) {
  const manager = new ServiceManager().register('sage_db', () => new SageDBService({ database: db }));
  const call = (query) => manager.callService('sage_db', { method: 'search' }, query, { k: K });
  const result = await compare({
    'one by one': async () => {
      for (const query of queries) await db.search(query, { k: K });
    },
    'one by one, service': async () => {
      for (const query of queries) await call(query);
    },
    '10 concurrent calls, service': () => Promise.all(queries.map(call)),
    'all at once': () => Promise.all(queries.map((query) => db.search(query, { k: K }))),
    'batched (100)': () => batched((batch) => db.batchSearch(batch, { k: K }), queries),
  });
  const base = result['one by one'].ms;
  for (const [name, { ms }] of Object.entries(result)) {
    console.log(
      `  ${name.padEnd(30)} ${number((QUERIES / ms) * 1000).padStart(8)} QPS   ${number(base / ms, 2)} × one by one`,
    );
  }
}

/** The layers alone, over a method that does nothing, so that the engine's time does not hide them. */
async function overhead() {
  const calls = 50_000;
  const nothing = { dimension, metric: 'l2', search: async () => [], stats: () => ({}) };
  const query = new Float32Array(dimension);
  const options = { k: K };
  const service = new SageDBService({ database: nothing });
  const manager = new ServiceManager().register('sage_db', () => service);
  const loop = (call) => async () => {
    for (let i = 0; i < calls; i++) await call();
  };
  const { signal } = new AbortController();
  const result = await compare({
    'bare call': loop(() => nothing.search(query, options)),
    'SageDBService (counts, latency)': loop(() => service.search(query, options)),
    callService: loop(() => manager.callService('sage_db', { method: 'search' }, query, options)),
    'callService with a timeout': loop(() =>
      manager.callService('sage_db', { method: 'search', timeout: 1000 }, query, options),
    ),
    'callService with a signal': loop(() =>
      manager.callService('sage_db', { method: 'search', signal }, query, options),
    ),
  });
  const base = result['bare call'].cpuMs;
  for (const [name, { cpuMs }] of Object.entries(result)) {
    console.log(`  ${name.padEnd(34)} + ${number(((cpuMs - base) / calls) * 1000, 2).padStart(6)} µs CPU per call`);
  }
}

async function pipeline({ db, queries }) {
  const many = Array.from({ length: 5 }, () => queries).flat();
  const run = (concurrency) => async () => {
    const env = new LocalEnvironment('bench').registerService('sage_db', () => new SageDBService({ database: db }));
    env
      .fromBatch(many)
      .batch((batch, { callService }) => callService('sage_db', { method: 'batchSearch' }, batch, { k: K }), {
        batchSize: 100,
        concurrency,
      })
      .sink(() => undefined);
    await env.submit({ autostop: true }).done;
  };
  const result = await compare({
    'batchSearch (100)': () => batched((batch) => db.batchSearch(batch, { k: K }), many),
    'pipeline, batch 100': run(1),
    'pipeline, batch 100, 2 at a time': run(2),
  });
  const base = result['batchSearch (100)'];
  for (const [name, { ms, cpuMs }] of Object.entries(result)) {
    const share = `${number((base.ms / ms) * 100)}% of the throughput, ${number((cpuMs / base.cpuMs) * 100)}% of the CPU`;
    console.log(`  ${name.padEnd(34)} ${number((many.length / ms) * 1000).padStart(8)} queries/s   ${share}`);
  }
}

async function memory() {
  const samples = [];
  let sunk = 0;
  const env = new LocalEnvironment('memory');
  env
    .fromBatch(
      (function* () {
        for (let i = 0; i < items; i++) yield { i, text: `item ${i}` };
      })(),
    )
    .map((item) => ({ ...item, twice: item.i * 2 }))
    .batch((batch) => batch, { batchSize: 100 })
    .sink(() => {
      if (++sunk % (items / 10) === 0) samples.push(process.memoryUsage());
    });
  const before = process.cpuUsage();
  const { elapsedMs } = await env.submit({ autostop: true }).done;
  const used = process.cpuUsage(before);
  const mb = (field) => samples.map((sample) => number(sample[field] / 2 ** 20)).join(' ');
  console.log(
    `  ${number(items)} items: ${number(items / elapsedMs)} thousand/s, ${number((used.user + used.system) / items, 2)} µs CPU per item`,
  );
  console.log(`  resident MB at every tenth: ${mb('rss')}`);
  console.log(`  heap MB at every tenth:     ${mb('heapUsed')}`);
}

async function pool() {
  const flat = clustered(rows + QUERIES, 7);
  const queries = Array.from({ length: QUERIES }, (_, i) =>
    flat.slice((rows + i) * dimension, (rows + i + 1) * dimension),
  );
  const size = availableParallelism();
  const tasks = new URL('./service-tasks.mjs', import.meta.url);
  const pools = {};
  for (const dispatch of ['caller', 'workers']) {
    pools[dispatch] = new SageDBServicePool(dimension, size, { metric: 'l2', dispatch, tasks });
    await pools[dispatch].addBatch(flat.subarray(0, rows * dimension));
    await pools[dispatch].buildIndex();
  }
  const searchAll = (service) => async () => {
    await Promise.all(queries.map((query) => service.search(query, { k: K })));
  };
  const searches = await compare({ caller: searchAll(pools.caller), workers: searchAll(pools.workers) });
  for (const [name, { ms }] of Object.entries(searches)) {
    console.log(`  search, dispatch ${name.padEnd(10)} ${number((QUERIES / ms) * 1000).padStart(8)} QPS`);
  }
  // JSON in, JSON out, as a server does: the JavaScript around a search costs more than the search.
  const bodies = queries.map((query) => Buffer.from(JSON.stringify({ vector: Array.from(query), k: K })));
  const here = async (body) => {
    const { vector, k } = JSON.parse(body.toString());
    return Buffer.from(JSON.stringify(await pools.caller.search(vector, { k })));
  };
  const loop = async (work) => {
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    await Promise.all(bodies.map(work));
    clearInterval(timer);
    return longest;
  };
  const blocked = { here: [], threads: [] };
  const json = await compare({
    'JSON requests in this thread': async () => void blocked.here.push(await loop(here)),
    'JSON requests in the threads': async () =>
      void blocked.threads.push(await loop((body) => pools.caller.run('answer', body))),
  });
  for (const [name, { ms }] of Object.entries(json)) {
    const longest = median(name.endsWith('threads') ? blocked.threads : blocked.here);
    console.log(
      `  ${name.padEnd(30)} ${number((QUERIES / ms) * 1000).padStart(8)} requests/s, loop blocked for ${number(longest, 1)} ms at most`,
    );
  }
  for (const each of Object.values(pools)) await each.stop();
}

async function server({ db, queries }) {
  const inProcess = async (concurrency) => measureLoad((query) => db.search(query, { k: K }), queries, concurrency, 2);
  const running = await createServer(db, { port: 0 });
  for (const connections of [1, 16, 256]) {
    const local = await inProcess(connections);
    const child = fork(
      fileURLToPath(import.meta.url),
      ['--client', running.url, '--connections', `${connections}`, '--rows', `${rows}`, '--dimension', `${dimension}`],
      {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      },
    );
    const [remote] = await once(child, 'message');
    await once(child, 'exit');
    const show = ({ perSecond, p50, p99 }) =>
      `${number(perSecond).padStart(8)}/s  p50 ${number(p50, 2).padStart(7)}  p99 ${number(p99, 2).padStart(7)} ms`;
    console.log(`  ${`${connections}`.padStart(4)} at a time   server ${show(remote)}   in process ${show(local)}`);
  }
  await running.close();
}

async function measureLoad(search, queries, concurrency, seconds) {
  const times = [];
  const run = async (until) => {
    for (let i = 0; performance.now() < until; i++) {
      const started = performance.now();
      await search(queries[i % queries.length]);
      times.push(performance.now() - started);
    }
  };
  const load = async (duration) => {
    const until = performance.now() + duration * 1000;
    await Promise.all(Array.from({ length: concurrency }, () => run(until)));
  };
  await load(0.5);
  times.length = 0;
  const started = performance.now();
  await load(seconds);
  const elapsed = (performance.now() - started) / 1000;
  times.sort((a, b) => a - b);
  return {
    perSecond: times.length / elapsed,
    p50: times[times.length >> 1],
    p99: times[Math.floor(times.length * 0.99)],
  };
}

async function client(url) {
  const connections = Number(values.connections);
  const db = await SageDB.connect(url, { maxConnections: connections });
  const flat = clustered(rows + QUERIES, 7);
  const queries = Array.from({ length: QUERIES }, (_, i) =>
    flat.slice((rows + i) * dimension, (rows + i + 1) * dimension),
  );
  process.send(await measureLoad((query) => db.search(query, { k: K }), queries, connections, Number(values.seconds)));
  await db.close();
  process.disconnect();
}

if (values.client !== undefined) {
  await client(values.client);
} else {
  const parts = { table, overhead, pipeline, memory, pool, server };
  const wanted = values.only.split(',');
  console.log(
    `${number(rows)} × ${dimension}, l2, k = ${K}, ${availableParallelism()} processors, load ${loadavg()[0].toFixed(1)}`,
  );
  const data = wanted.some((name) => ['table', 'pipeline', 'server'].includes(name)) ? await filled() : undefined;
  for (const name of wanted) {
    console.log(`\n${name}`);
    await parts[name](data);
  }
  await data?.db.close();
}
