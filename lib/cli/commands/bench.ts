import { clusteredVectors } from '../../random.js';
import { SageDB } from '../../sage-db.js';
import { integerOption } from '../arguments.js';
import type { Command } from '../command.js';
import { printFacts, printJson } from '../output.js';

const queryCount = 1000;

interface Result {
  rows: number;
  dimension: number;
  kernels: string;
  threads: number;
  addBatchRowsPerSecond: number;
  indexSeconds: number;
  searches: { ef: number; recall: number; oneByOne: number; batched: number }[];
}

async function measure(rows: number, dimension: number, k: number): Promise<Result> {
  const vectors = clusteredVectors(rows + queryCount, dimension, 7);
  const queries = vectors.subarray(rows * dimension);
  const db = await SageDB.open({ dimension, metric: 'l2', index: { type: 'hnsw' } });
  try {
    const started = performance.now();
    await db.addBatch(vectors.subarray(0, rows * dimension));
    const accepted = performance.now();
    await db.buildIndex();
    const indexed = performance.now();
    const truth = await db.batchSearchRaw(queries, { k, exact: true });
    const searches = [];
    for (const ef of [32, 64, 128, 256]) {
      if (ef >= k) searches.push(await search(db, queries, dimension, k, ef, truth.ids));
    }
    const { kernels, threads } = db.stats();
    return {
      rows,
      dimension,
      kernels,
      threads,
      addBatchRowsPerSecond: Math.round(rows / ((accepted - started) / 1000)),
      indexSeconds: (indexed - accepted) / 1000,
      searches,
    };
  } finally {
    await db.close();
  }
}

async function search(
  db: SageDB,
  queries: Float32Array,
  dimension: number,
  k: number,
  ef: number,
  truth: Float64Array,
) {
  const options = { k, ef };
  await db.batchSearchRaw(queries, options);
  const started = performance.now();
  for (let q = 0; q < queryCount; q++) {
    await db.searchRaw(queries.subarray(q * dimension, (q + 1) * dimension), options);
  }
  const single = performance.now();
  const found = await db.batchSearchRaw(queries, options);
  const batched = performance.now();
  let hits = 0;
  for (let q = 0; q < queryCount; q++) {
    const wanted = new Set(truth.subarray(q * k, (q + 1) * k));
    for (const id of found.ids.subarray(found.offsets[q], found.offsets[q + 1])) if (wanted.has(id)) hits++;
  }
  const perSecond = (milliseconds: number) => Math.round(queryCount / (milliseconds / 1000));
  return {
    ef,
    recall: hits / (queryCount * k),
    oneByOne: perSecond(single - started),
    batched: perSecond(batched - single),
  };
}

function print(result: Result, k: number): void {
  const { rows, dimension, kernels, threads } = result;
  console.log(`${rows} clustered vectors of ${dimension} (seeded), l2, k = ${k}, ${kernels}, ${threads} threads`);
  const number = (value: number) => value.toLocaleString('en-US');
  const facts: [string, string][] = [
    ['addBatch', `${number(result.addBatchRowsPerSecond)} rows/s accepted`],
    ['index', `${result.indexSeconds.toFixed(2)} s until every row is indexed`],
    ...result.searches.map(({ ef, recall, oneByOne, batched }): [string, string] => [
      `ef ${ef}`,
      `recall@${k} ${recall.toFixed(4)}  ${number(oneByOne)} searches/s one by one  ${number(batched)} batched`,
    ]),
  ];
  printFacts(facts);
}

export const bench: Command = {
  name: 'bench',
  summary: 'measure this machine on generated data: insert, index, search speed with recall beside it',
  description: [
    'Clustered vectors from a seeded generator, in memory. Searches are compared with an exact search of the same vectors, so that every speed stands beside its recall.',
  ],
  options: {
    rows: { kind: 'string', value: 'n', help: 'vectors (default 20000)' },
    dimension: { kind: 'string', value: 'n', help: 'components (default 128)' },
    k: { kind: 'string', value: 'n', help: 'neighbours asked for (default 10)' },
  },
  examples: [['sagedb bench --rows 100000 --dimension 768', 'as many and as long as yours']],
  async run(invocation) {
    const k = integerOption(invocation, 'k') ?? 10;
    const rows = integerOption(invocation, 'rows', Math.max(100, k)) ?? 20_000;
    const result = await measure(rows, integerOption(invocation, 'dimension') ?? 128, k);
    if (invocation.json) printJson(result);
    else print(result, k);
    return 0;
  },
};
