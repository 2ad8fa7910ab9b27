// How much memory of the process a database takes while it is loaded and while optimize() copies what is left of it, with `hotMemory` 0 and by default.
//
//   npm run build && node bench/memory.mjs [--rows 60000] [--dimension 768] [--dir bench/.cache/memory]
//
// What counts is memory that belongs to the process alone (RssAnon, Linux): pages of files may be taken back by the system. Each setting is a process of its
// own; a third of the items is removed and the database opened again before optimize(). «most» is the largest of samples 20 ms apart.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '60000' },
    dimension: { type: 'string', default: '768' },
    dir: { type: 'string', default: fileURLToPath(new URL('.cache/memory', import.meta.url)) },
    child: { type: 'string' },
  },
});
const [rows, dimension] = [values.rows, values.dimension].map(Number);
const BATCH = 5000;
const QUERIES = 500;

const anonymous = () => Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
let state = 1;
function random() {
  state = (state * 1103515245 + 12345) & 0x7fffffff;
  return state / 0x7fffffff - 0.5;
}
const vectorsOf = (count) => Float32Array.from({ length: count * dimension }, random);

async function measure(hotMemory) {
  const { SageDB } = await import('../dist/index.js');
  const path = values.dir;
  rmSync(path, { recursive: true, force: true });
  const setting = hotMemory === 'default' ? {} : { hotMemory: Number(hotMemory) };
  let most = 0;
  const timer = setInterval(() => (most = Math.max(most, anonymous())), 20);
  const megabytes = (n) => `${n.toFixed(0)} MB`;
  const first = await SageDB.open({ path, dimension, durability: 'async', ...setting });
  const before = anonymous();
  for (let i = 0; i < rows; i += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, rows - i) }, (_, k) => i + k);
    const metadata = numbers.map((n) => ({ n, text: `${'word '.repeat(80)}${n}` }));
    await first.addBatch(vectorsOf(numbers.length), metadata, { ids: numbers });
  }
  await first.buildIndex();
  console.log(`hotMemory ${hotMemory}: ${megabytes(before)} at first, ${megabytes(anonymous())} loaded`);
  await first.removeWhere({ n: { $in: Array.from({ length: Math.ceil(rows / 3) }, (_, k) => k * 3) } });
  await first.close();
  const db = await SageDB.open({ path, ...setting });
  const opened = anonymous();
  most = opened;
  let start = performance.now();
  await db.optimize();
  const seconds = (performance.now() - start) / 1000;
  const back = megabytes(db.stats().storage.givenBackBytes / 2 ** 20);
  console.log(
    `  ${megabytes(opened)} opened; optimize() ${seconds.toFixed(1)} s, most ${megabytes(Math.max(most, anonymous()))}, ${back} given back`,
  );
  const queries = Array.from({ length: QUERIES }, () => vectorsOf(1));
  for (const query of queries) db.searchSync(query, { k: 10 });
  start = performance.now();
  for (const query of queries) db.searchSync(query, { k: 10 });
  console.log(`  a search ${(((performance.now() - start) / QUERIES) * 1000).toFixed(0)} µs`);
  clearInterval(timer);
  await db.close();
  rmSync(path, { recursive: true });
}

if (values.child !== undefined) {
  await measure(values.child);
} else {
  for (const setting of ['0', 'default', '0', 'default'])
    execFileSync(process.execPath, [...process.argv.slice(1), '--child', setting], { stdio: 'inherit' });
}
