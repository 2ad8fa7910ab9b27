// Filtered search on the gloss data: queries per second at recall@10 ≥ 0.95 beside those without a filter.
//
// Per filter the smallest ef of a ladder that reaches the recall is taken, for no filter as well; then all are measured in turns. Truth is the
// engine's exact search with the same filter. `pos` and `lex` (part of speech, topic) go with what a definition means, so most queries are far from most
// matching rows; `share` is drawn at random.
//
//   npm run bench:filtered [-- --rounds 5]
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { type Filter, SageDB } from '../lib/index.js';
import { random } from '../test/support/numbers.js';
import { readRaw } from './data/vector-file.js';
import { median, percent, short, table } from './report/table.js';

interface Row {
  pos: string;
  lex: number;
  share: number;
}

const DIMENSION = 300;
const K = 10;
const TARGET = 0.95;
const LADDER = [10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512, 768, 1024];
const FILTERS: [string, Filter<Row> | undefined][] = [
  ['none', undefined],
  ['share < 0.001', { share: { $lt: 0.001 } }],
  ['share < 0.01', { share: { $lt: 0.01 } }],
  ['share < 0.1', { share: { $lt: 0.1 } }],
  ['share < 0.5', { share: { $lt: 0.5 } }],
  ['share < 0.9', { share: { $lt: 0.9 } }],
  ['lex = 23', { lex: 23 }],
  ["pos = 'adv'", { pos: 'adv' }],
  ['lex = 6', { lex: 6 }],
  ["pos = 'verb'", { pos: 'verb' }],
  ['lex in 0, 4, 5, 6, 18, 20', { lex: { $in: [0, 4, 5, 6, 18, 20] } }],
  ["pos = 'noun'", { pos: 'noun' }],
];

const folder = new URL('../../shared/data/gloss/', import.meta.url).pathname;
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
if (!existsSync(folder)) {
  console.log(`SKIPPED: ${folder} is not there`);
  process.exit(0);
}

const next = random(1);
const rows = gunzipSync(readFileSync(join(folder, 'meta.jsonl.gz')))
  .toString()
  .trim()
  .split('\n')
  .map((line): Row => ({ ...(JSON.parse(line) as Row), share: next() }));
const queries = readRaw(join(folder, 'query.f16'), 'f16', DIMENSION).values;
const db = await SageDB.open<Row>({ dimension: DIMENSION, metric: 'cosine' });
await db.addBatch(
  readRaw(join(folder, 'base.f16'), 'f16', DIMENSION).values,
  rows.map(({ pos, lex, share }) => ({ pos, lex, share })),
);
await db.optimize();

const idsOf = async (filter: Filter<Row> | undefined, how: { ef: number } | { exact: true }) => {
  const { ids, offsets } = await db.batchSearchRaw(queries, { k: K, ...(filter && { filter }), ...how });
  return Array.from({ length: offsets.length - 1 }, (_, q) => ids.subarray(offsets[q], offsets[q + 1]));
};

interface Case {
  name: string;
  filter: Filter<Row> | undefined;
  share: number;
  ef: number;
  recall: number;
  plan: string;
  seconds: number[];
}

async function caseOf(name: string, filter: Filter<Row> | undefined): Promise<Case> {
  const truth = (await idsOf(filter, { exact: true })).map((ids) => new Set(ids));
  const share = (await db.count(filter)) / rows.length;
  const query = queries.subarray(0, DIMENSION);
  for (const ef of LADDER) {
    const found = await idsOf(filter, { ef });
    const recalls = found.map((ids, q) => ids.filter((id) => truth[q]!.has(id)).length / Math.max(1, truth[q]!.size));
    const recall = recalls.reduce((sum, r) => sum + r, 0) / recalls.length;
    if (recall < TARGET && ef !== LADDER.at(-1)) continue;
    const { explain } = await db.search(query, { k: K, ef, ...(filter && { filter }), explain: true });
    return { name, filter, share, ef, recall, plan: explain.plans.join(', '), seconds: [] };
  }
  throw new Error('the ladder is empty');
}

const cases: Case[] = [];
for (const [name, filter] of FILTERS) cases.push(await caseOf(name, filter));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const { filter, ef, seconds } of cases) {
    const start = performance.now();
    await idsOf(filter, { ef });
    seconds.push((performance.now() - start) / 1000);
  }
}
const count = queries.length / DIMENSION;
const qps = (c: Case) => count / median(c.seconds);
const plain = qps(cases[0]!);
console.log(
  table(
    ['filter', 'matching', 'plan', 'ef', 'recall@10', 'QPS', 'of unfiltered'],
    cases.map((c) => [
      c.name,
      percent(c.share),
      c.plan,
      c.ef,
      c.recall.toFixed(3),
      short(qps(c)),
      `${(qps(c) / plain).toFixed(2)} ×`,
    ]),
  ),
);
await db.close();
