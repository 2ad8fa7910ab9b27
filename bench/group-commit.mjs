// What concurrent durable writers gain by sharing syncs, on this disk and on slower ones: 64 callers that each await their own insert, against
// one, and beside both what the disk itself gives for the same bytes.
//
//   npm run build && node bench/group-commit.mjs [--dimension 768] [--writers 64] [--delays 0,250,500,1000,2000,5000] [--dir bench/.cache/group-commit]
//
// The index is flat, so that nothing is built in the background. A slower disk is this one with a pause after every sync (bench/native/slow_sync.c, compiled with cc and loaded through LD_PRELOAD; Linux). Medians of
// --rounds; «times» are of the median round.
import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const here = fileURLToPath(new URL('.', import.meta.url));
const { values } = parseArgs({
  options: {
    dimension: { type: 'string', default: '768' },
    writers: { type: 'string', default: '64' },
    delays: { type: 'string', default: '0,250,500,1000,2000,5000' },
    rounds: { type: 'string', default: '5' },
    dir: { type: 'string', default: join(here, '.cache', 'group-commit') },
    // Another build of the package, for figures before and after a change.
    module: { type: 'string', default: join(here, '..', 'dist', 'index.js') },
    child: { type: 'boolean', default: false },
  },
});
const [dimension, writers, rounds] = [values.dimension, values.writers, values.rounds].map(Number);
const MS = 1500;
const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

/** Inserts per second of `count` callers that each await their own. */
async function inserts(SageDB, count) {
  const path = join(values.dir, 'db');
  rmSync(path, { recursive: true, force: true });
  const db = await SageDB.open({ path, dimension, metric: 'l2', index: { type: 'flat' } });
  const vector = new Float32Array(dimension).map((_, i) => Math.sin(i));
  for (let i = 0; i < 50; i++) await db.add(vector);
  let done = 0;
  const began = performance.now();
  const caller = async () => {
    while (performance.now() - began < MS) {
      await db.add(vector);
      done++;
    }
  };
  await Promise.all(Array.from({ length: count }, caller));
  const rate = (done / (performance.now() - began)) * 1000;
  await db.close();
  return rate;
}

/** Rows per second of appends of `count` rows at once, each with its sync. */
function bare(count) {
  const path = join(values.dir, 'bare');
  const fd = openSync(path, 'w');
  const piece = Buffer.alloc(count * (dimension * 4 + 32), 7);
  const times = [];
  for (let i = 0; i < 200; i++) {
    const began = performance.now();
    writeSync(fd, piece);
    fdatasyncSync(fd);
    times.push(performance.now() - began);
  }
  closeSync(fd);
  rmSync(path);
  return (count / median(times)) * 1000;
}

async function child() {
  const { SageDB } = await import(pathToFileURL(resolve(values.module)).href);
  const found = [];
  for (let i = 0; i < rounds; i++) {
    const [one, many] = [await inserts(SageDB, 1), await inserts(SageDB, writers)];
    found.push({ one, many, bareOne: bare(1), bareMany: bare(writers) });
  }
  const middle = found.toSorted((a, b) => a.many / a.one - b.many / b.one)[Math.floor(rounds / 2)];
  console.log(
    JSON.stringify({
      one: median(found.map((r) => r.one)),
      many: median(found.map((r) => r.many)),
      times: middle.many / middle.one,
      sync: 1000 / median(found.map((r) => r.bareOne)),
      bareTimes: median(found.map((r) => r.bareMany / r.bareOne)),
    }),
  );
}

function parent() {
  mkdirSync(values.dir, { recursive: true });
  const shim = join(values.dir, 'slow-sync.so');
  execFileSync('cc', ['-O2', '-shared', '-fPIC', '-o', shim, join(here, 'native', 'slow_sync.c'), '-ldl']);
  const args = Object.entries(values).flatMap(([name, value]) => (name === 'child' ? [] : [`--${name}`, value]));
  console.log(`load ${loadavg()[0].toFixed(1)}, ${dimension} dimensions, medians of ${rounds}`);
  console.log(
    `| pause, µs | bare append + sync of a row, ms | one writer | ${writers} writers | times | the disk's own |`,
  );
  console.log('|---|---|---|---|---|---|');
  for (const delay of values.delays.split(',')) {
    const env = { ...process.env, LD_PRELOAD: shim, SLOW_SYNC_US: delay };
    const out = execFileSync(process.execPath, [fileURLToPath(import.meta.url), '--child', ...args], { env });
    const r = JSON.parse(String(out));
    const k = (n) => `${(n / 1000).toFixed(1)}K/s`;
    console.log(
      `| ${delay} | ${r.sync.toFixed(2)} | ${k(r.one)} | ${k(r.many)} | ${r.times.toFixed(1)} | ${r.bareTimes.toFixed(1)} |`,
    );
  }
  rmSync(values.dir, { recursive: true, force: true });
}

await (values.child ? child() : parent());
