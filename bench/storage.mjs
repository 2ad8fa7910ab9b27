// What a database with a path costs: opening 200,000 × 768 cold and warm, memory after it, searches, durable batches, group commit.
//
//   npm run build && node bench/storage.mjs [--rows 200000] [--dimension 768] [--dir bench/.cache/storage] [--only open,search,batch,group]
//
// The database of part «open» is made once and kept in --dir. Every open is a process of its own; «cold» means that the files' pages were given back
// to the system before (posix_fadvise through dd). The addon is loaded before, which «load» says. «RSS» is the process's resident memory: before and after the open, and after 100 searches.
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '200000' },
    dimension: { type: 'string', default: '768' },
    rounds: { type: 'string', default: '5' },
    dir: { type: 'string', default: fileURLToPath(new URL('.cache/storage', import.meta.url)) },
    only: { type: 'string', default: 'open,search,batch,group' },
    // Another build of the package, for figures before and after a change.
    module: { type: 'string', default: fileURLToPath(new URL('../dist/index.js', import.meta.url)) },
    child: { type: 'string' },
  },
});
const [rows, dimension, rounds] = [values.rows, values.dimension, values.rounds].map(Number);
const { SageDB } = await import(pathToFileURL(resolve(values.module)).href);
const SLICE = 10_000;
const CENTRES = 500;

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];
const megabytes = () => process.memoryUsage.rss() / 2 ** 20;

/** Seeded clusters, made slice by slice. */
function vectors(count, seed) {
  let state = seed >>> 0;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
  const flat = new Float32Array(count * dimension);
  for (let i = 0; i < count; i++) {
    let centre = Math.floor(next() * CENTRES) * 2654435761;
    for (let d = 0; d < dimension; d++) {
      centre = (Math.imul(centre, 1664525) + 1013904223) | 0;
      flat[i * dimension + d] = centre / 2147483648 + next();
    }
  }
  return flat;
}

const metadata = (i) => ({ title: `item ${i}`, group: i % 100, text: 'x'.repeat(150) });

async function make(path) {
  const started = performance.now();
  const db = await SageDB.open({
    path,
    dimension,
    metric: 'cosine',
    index: { type: 'hnsw', efConstruction: 40 },
    durability: 'async',
  });
  for (let first = 0; first < rows; first += SLICE) {
    const count = Math.min(SLICE, rows - first);
    await db.addBatch(
      vectors(count, first + 1),
      Array.from({ length: count }, (_, i) => metadata(first + i)),
    );
  }
  await db.buildIndex();
  await db.flush();
  await db.close(); // with a checkpoint: the log is long
  console.log(`made ${path} in ${((performance.now() - started) / 1000).toFixed(0)} s`);
}

function dropPages(path) {
  for (const name of readdirSync(path))
    execFileSync('dd', [`if=${join(path, name)}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' });
}

async function openOnce(path) {
  const queries = vectors(100, 77);
  const loading = performance.now();
  await (await SageDB.open({ dimension: 2 })).close();
  const load = performance.now() - loading;
  const before = megabytes();
  const start = performance.now();
  const db = await SageDB.open({ path });
  const open = performance.now() - start;
  const opened = megabytes();
  const first = performance.now();
  await db.search(queries.subarray(0, dimension), { k: 10 });
  const search = performance.now() - first;
  for (let i = 1; i < 100; i++) await db.search(queries.subarray(i * dimension, (i + 1) * dimension), { k: 10 });
  const searched = megabytes();
  const filter = performance.now();
  await db.count({ group: 7 });
  const filtered = performance.now() - filter;
  await db.close();
  console.log(JSON.stringify({ load, open, search, filtered, before, opened, searched }));
}

function childOpens(path, cold) {
  const runs = [];
  for (let round = 0; round < rounds; round++) {
    if (cold) dropPages(path);
    const args = [
      fileURLToPath(import.meta.url),
      '--child',
      path,
      '--dimension',
      String(dimension),
      '--module',
      values.module,
    ];
    runs.push(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })));
  }
  const of = (key, digits = 1) => median(runs.map((run) => run[key])).toFixed(digits);
  console.log(
    `${cold ? 'cold' : 'warm'}: open ${of('open')} ms (${runs.map((run) => run.open.toFixed(1)).join(', ')}; load ${of('load')}), first search ${of('search')} ms, first filter ${of('filtered', 0)} ms; ` +
      `RSS ${of('before', 0)} -> ${of('opened', 0)} MB after the open, ${of('searched', 0)} MB after 100 searches`,
  );
}

async function partOpen() {
  const path = join(values.dir, `${rows}x${dimension}`);
  if (!existsSync(path)) await make(path);
  const bytes = readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);
  console.log(`open: ${rows} x ${dimension}, ${(bytes / 2 ** 20).toFixed(0)} MB on disk, medians of ${rounds}`);
  childOpens(path, true);
  childOpens(path, false);
}

// The same rows and graph three times: searched in the files' pages, in huge pages that the files were moved to, and in the memory of the engine that made
// them (by a compaction, after which nothing of it is mapped). One search at a time, in turns; processor time beside the clock, because the machine may
// be shared.
async function partSearch() {
  const from = join(values.dir, `${rows}x${dimension}`);
  if (!existsSync(from)) await make(from);
  const [work, path] = ['work', 'searched'].map((name) => join(values.dir, name));
  for (const old of [work, path]) rmSync(old, { recursive: true, force: true });
  const origin = await SageDB.open({ path: from });
  await origin.snapshot(work);
  await origin.close();
  const memory = await SageDB.open({ path: work, hotMemory: 0 });
  await memory.remove(1);
  await memory.optimize();
  await memory.snapshot(path);
  const queries = vectors(200, 78);
  const query = (i) => queries.subarray((i % 200) * dimension, ((i % 200) + 1) * dimension);
  const open = (hotMemory) => SageDB.open({ path, readOnly: true, checkBlocks: false, hotMemory });
  const places = { mapped: await open(0), hot: await open(undefined), memory };
  const measure = async (db) => {
    const cpu = process.cpuUsage();
    const start = performance.now();
    for (let i = 0; i < 200; i++) await db.search(query(i), { k: 10, ef: 64 });
    const { user, system } = process.cpuUsage(cpu);
    return { wall: ((performance.now() - start) * 1000) / 200, cpu: (user + system) / 200 };
  };
  for (let i = 0; i < 3; i++) for (const db of Object.values(places)) await measure(db);
  const runs = { mapped: [], hot: [], memory: [] };
  for (let round = 0; round < 5 * rounds; round++)
    for (const [name, db] of Object.entries(places)) runs[name].push(await measure(db));
  const of = (name, key) => median(runs[name].map((run) => run[key])).toFixed(0);
  const ratio = (name, key) => median(runs[name].map((run, i) => run[key] / runs.memory[i][key])).toFixed(3);
  for (const name of Object.keys(runs))
    console.log(
      `search ${name}: ${of(name, 'wall')} µs, ${of(name, 'cpu')} µs of processors; in pairs ${ratio(name, 'wall')} and ${ratio(name, 'cpu')} of memory; ` +
        `hot ${(places[name].stats().storage.hotBytes / 2 ** 20).toFixed(0)} MB`,
    );
  for (const db of Object.values(places)) await db.close();
  for (const old of [work, path]) rmSync(old, { recursive: true, force: true });
}

async function withDatabase(name, run) {
  const path = join(values.dir, name);
  rmSync(path, { recursive: true, force: true });
  const db = await SageDB.open({ path, dimension, metric: 'l2', index: { type: 'flat' } });
  try {
    return await run(db);
  } finally {
    await db.close();
    rmSync(path, { recursive: true, force: true });
  }
}

/** What the file system takes: appending the bytes to a file and syncing it, without anything else. Calls `run(write)`. */
async function withBareFile(bytes, run) {
  const path = join(values.dir, 'bare');
  const file = openSync(path, 'w');
  try {
    return await run(() => {
      const start = performance.now();
      writeSync(file, bytes);
      fdatasyncSync(file);
      return performance.now() - start;
    });
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

async function partBatch() {
  const batch = vectors(SLICE, 5);
  const bare = [];
  const rates = await withBareFile(batch, (write) =>
    withDatabase('batch', async (db) => {
      const out = [];
      for (let round = 0; round < 2 * rounds; round++) {
        bare.push((SLICE / write()) * 1000);
        const start = performance.now();
        await db.addBatch(batch);
        out.push((SLICE / (performance.now() - start)) * 1000);
      }
      return out;
    }),
  );
  console.log(
    `durable batches of ${SLICE} x ${dimension}: ${median(rates).toFixed(0)} vectors/s (${rates.map((r) => r.toFixed(0)).join(', ')}); ` +
      `bare append + fdatasync of the same bytes: ${median(bare).toFixed(0)} vectors/s`,
  );
}

async function writers(db, count, seconds) {
  const vector = vectors(1, 9);
  const end = performance.now() + seconds * 1000;
  let writes = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: count }, async () => {
      while (performance.now() < end) {
        await db.add(vector);
        writes++;
      }
    }),
  );
  return (writes / (performance.now() - start)) * 1000;
}

const mean = (list) => list.reduce((sum, value) => sum + value, 0) / list.length;

/** Milliseconds of each durable insert, one after the other. */
async function insertOneByOne(db, count) {
  const vector = vectors(1, 9);
  const out = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await db.add(vector);
    out.push(performance.now() - start);
  }
  return out;
}

async function partGroup() {
  const INSERTS = 1000;
  await withBareFile(vectors(1, 9), (write) =>
    withDatabase('group', async (db) => {
      const bare = [];
      const one = [];
      const many = [];
      for (let round = 0; round < rounds; round++) {
        bare.push(Array.from({ length: INSERTS }, write));
        one.push(await insertOneByOne(db, INSERTS));
      }
      // Afterwards: the checkpoints that many writers start would be at work on the disk beside the one.
      for (let round = 0; round < rounds; round++) many.push(await writers(db, 64, 0.5));
      const micros = (of, lists) => (median(lists.map(of)) * 1000).toFixed(0);
      const pairs = (of) => median(one.map((list, i) => of(list) / of(bare[i]))).toFixed(2);
      const rate = 1000 / median(one.map(mean));
      console.log(
        `one durable insert: median ${micros(median, one)} µs, mean ${micros(mean, one)} µs; bare append + fdatasync ` +
          `${micros(median, bare)} and ${micros(mean, bare)} µs; in pairs ${pairs(median)} and ${pairs(mean)} times`,
      );
      console.log(
        `64 durable writers: ${median(many).toFixed(0)} inserts/s, ${(median(many) / rate).toFixed(1)} times one`,
      );
    }),
  );
}

if (values.child) {
  await openOnce(values.child);
} else {
  mkdirSync(values.dir, { recursive: true });
  console.log(`load ${loadavg()[0].toFixed(2)}`);
  const parts = { open: partOpen, search: partSearch, batch: partBatch, group: partGroup };
  for (const name of values.only.split(',')) await parts[name]();
}
