// npm run bench:million: one million 128-d vectors in one process below 4 GB. Adds, indexes, measures recall and searches, publishes
// 1,000 rows, searches for stored rows themselves, and prints the peak memory. --rows and --dimension change the size.
import { closeSync, openSync, readSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SageDB } from '../lib/index.js';
import { findSet, recallAt, TRUTH_K } from './data/sets.js';
import { readRawInts, readVectors } from './data/vector-file.js';
import { memory, resetPeak } from './peers/memory.js';
import { machineLines } from './report/machine.js';
import { duration, median, megabytes, short } from './report/table.js';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1m' },
    dimension: { type: 'string', default: '128' },
    limit: { type: 'string', default: '4096' },
    'self-checks': { type: 'string', default: '20000' },
  },
});
const SLICE = 10_000;
const K = 10;

function fact(name: string, value: string): void {
  process.stdout.write(`${name.padEnd(34)} ${value}\n`);
}

/** Rows of the base file one slice at a time, so that the process holds the database's copy only. */
function* slices(path: string, dimension: number, rows: number): Generator<Float32Array> {
  const file = openSync(path, 'r');
  for (let row = 0; row < rows; row += SLICE) {
    const slice = new Float32Array(Math.min(SLICE, rows - row) * dimension);
    readSync(file, new Uint8Array(slice.buffer), 0, slice.byteLength, row * dimension * 4);
    yield slice;
  }
}

async function rate(run: () => Promise<number>, seconds = 3): Promise<number> {
  const samples: number[] = [];
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    let searches = 0;
    while (performance.now() - start < (seconds * 1000) / 3) searches += await run();
    samples.push((searches * 1000) / (performance.now() - start));
  }
  return median(samples);
}

const set = findSet(`clustered-${values.rows}x${values.dimension}`);
if (!set) throw new Error('unreachable: generated sets are always there');
const { rows, dimension } = set;
const queries = readVectors(set.query, dimension);
const truth = readRawInts(set.truth, TRUTH_K);
const extra = readVectors(set.extra, dimension, 10_000);
const query = (i: number) =>
  queries.values.subarray((i % queries.rows) * dimension, ((i % queries.rows) + 1) * dimension);

/** Searches for stored rows by their own vectors, spread evenly; rows that are missed are searched for with a wider ef, too. */
async function searchForItself(base: string, when: string): Promise<void> {
  const checks = Math.min(rows, Number(values['self-checks']));
  const file = openSync(base, 'r');
  const missed: string[] = [];
  for (let i = 0; i < checks; i++) {
    const at = Math.floor((i * rows) / checks);
    const vector = new Float32Array(dimension);
    readSync(file, new Uint8Array(vector.buffer), 0, vector.byteLength, at * dimension * 4);
    const found = async (ef?: number) => (await db.search(vector, { k: 1, ef, includeMetadata: false }))[0]?.id === at;
    if (!(await found())) missed.push(`${at}${(await found(400)) ? ' (found at ef 400)' : ''}`);
  }
  closeSync(file);
  fact(
    `found by themselves, ${when}`,
    `${checks - missed.length} of ${checks}${missed.length > 0 ? `; missed: ${missed.join(', ')}` : ''}`,
  );
}

for (const line of machineLines('npm run bench:million')) process.stdout.write(`${line}\n`);
fact('rows', `${rows.toLocaleString('en')} × ${dimension}, ${set.metric}`);
resetPeak();
const db = await SageDB.open({ dimension, metric: 'cosine', index: { type: 'hnsw' } });
const start = performance.now();
let row = 0;
for (const slice of slices(set.base, dimension, rows)) {
  const count = slice.length / dimension;
  await db.addBatch(slice, undefined, { ids: Array.from({ length: count }, (_, i) => row + i) });
  row += count;
}
const added = performance.now();
await db.buildIndex();
const built = performance.now();
await db.optimize();
const tidied = performance.now();
fact('added', `${short((rows * 1000) / (added - start))} rows/s accepted`);
fact('indexed', `${short((rows * 1000) / (built - start))} rows/s, ${duration((built - start) * 1000)} in all`);
fact('optimize(): old rows checked', duration((tidied - built) * 1000));
fact('memory after the build', megabytes(memory().resident));

for (const ef of [10, 20, 28, undefined, 100, 200, 600]) {
  const found = await db.batchSearch(queries.values, { k: K, ef, includeMetadata: false });
  const recall = recallAt(
    K,
    truth,
    found.map((hits) => hits.map((hit) => hit.id as number)),
  );
  let next = 0;
  const one = await rate(async () => {
    await db.search(query(next++), { k: K, ef, includeMetadata: false });
    return 1;
  });
  const batch = await rate(async () => {
    await db.batchSearch(queries.values, { k: K, ef, includeMetadata: false });
    return queries.rows;
  });
  fact(
    `recall@${K}, ${ef === undefined ? 'default' : `ef ${ef}`}`,
    `${recall.toFixed(4)}   one caller ${short(one)}/s, batches ${short(batch)}/s`,
  );
}

await searchForItself(set.base, 'at first');
const published: number[] = [];
for (let i = 0; i < 5; i++) {
  const from = performance.now();
  await db.addBatch(extra.values.subarray(i * 1000 * dimension, (i + 1) * 1000 * dimension));
  await db.buildIndex();
  published.push((performance.now() - from) * 1000);
}
fact('publication of 1,000 rows', `${duration(median(published))} (median of 5)`);

await searchForItself(set.base, 'then');
await db.close();
const peak = memory().peak;
fact('peak memory of the process', `${megabytes(peak)}, limit ${values.limit} MB`);
if (peak > Number(values.limit) * 2 ** 20) {
  process.stderr.write('the peak is above the limit\n');
  process.exitCode = 1;
}
