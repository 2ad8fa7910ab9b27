// A word -> definition task on the gloss data: does a search by vector and text together find more than each alone?
//
// Indexed are the definitions: their text and their vectors, not the words they define. A query is the words of a held-out item, as text and
// as a vector: the idf-weighted mean of word vectors, each the mean of the definitions that use the word, the held-out ones left out.
//
//   npm run bench:hybrid [-- --queries 2000]
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { SageDB, textWords } from '../lib/index.js';
import type { SearchQuery } from '../lib/types.js';
import { random } from '../test/support/numbers.js';
import { readRaw } from './data/vector-file.js';

interface Gloss {
  words: string[];
  definition: string;
}

const DIMENSION = 300;
const DEPTH = 100;
const folder = new URL('../../shared/data/gloss/', import.meta.url).pathname;
const { values } = parseArgs({ options: { queries: { type: 'string', default: '2000' } } });

if (!existsSync(folder)) {
  console.log(`SKIPPED: ${folder} is not there`);
  process.exit(0);
}

const tokens = (text: string) => textWords(text).map(({ word }) => word);

/** Vectors of words, made from the definitions that are not held out. */
class WordVectors {
  readonly #sums = new Map<string, { sum: Float64Array; count: number }>();
  #rows = 0;

  add(words: Iterable<string>, vector: Float32Array): void {
    this.#rows++;
    for (const word of new Set(words)) {
      let entry = this.#sums.get(word);
      if (!entry) {
        entry = { sum: new Float64Array(DIMENSION), count: 0 };
        this.#sums.set(word, entry);
      }
      entry.count++;
      for (let d = 0; d < DIMENSION; d++) entry.sum[d]! += vector[d] as number;
    }
  }

  uses(word: string): number {
    return this.#sums.get(word)?.count ?? 0;
  }

  of(words: readonly string[]): Float32Array {
    const mean = new Float64Array(DIMENSION);
    for (const word of words) {
      const { sum, count } = this.#sums.get(word)!;
      const scale = Math.log(this.#rows / count) / Math.hypot(...sum);
      for (let d = 0; d < DIMENSION; d++) mean[d]! += (sum[d] as number) * scale;
    }
    return Float32Array.from(mean);
  }
}

const rows = gunzipSync(readFileSync(join(folder, 'meta.jsonl.gz')))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Gloss);
const base = readRaw(join(folder, 'base.f16'), 'f16', DIMENSION).values;
const vectorOf = (row: number) => base.subarray(row * DIMENSION, (row + 1) * DIMENSION);

const next = random(1);
const held = new Set<number>();
while (held.size < 3 * Number(values.queries)) held.add(Math.floor(next() * rows.length));
const vectors = new WordVectors();
for (const [i, row] of rows.entries()) if (!held.has(i)) vectors.add(tokens(row.definition), vectorOf(i));

// Only words that some definition uses can be asked for.
const queries = [...held]
  .map((row) => ({ row, text: rows[row]!.words.join(' ') }))
  .filter(({ text }) => tokens(text).every((word) => vectors.uses(word) >= 3))
  .slice(0, Number(values.queries))
  .map((query) => ({ ...query, vector: vectors.of(tokens(query.text)) }));

const db = await SageDB.open<{ definition: string }>({ dimension: DIMENSION, textFields: ['definition'] });
await db.addBatch(
  base,
  rows.map(({ definition }) => ({ definition })),
);
await db.buildIndex();
console.log(`${rows.length} definitions, ${queries.length} words or sets of synonyms\n`);
console.log('| search | recall@10 | recall@100 | MRR | ms |\n|---|---|---|---|---|');

type Ask = (query: (typeof queries)[0]) => SearchQuery<{ definition: string }>;
const ways: [string, Ask][] = [
  ['vector', ({ vector }) => vector],
  ['text', ({ text }) => ({ text })],
  ["hybrid, 'rrf'", ({ text, vector }) => ({ text, vector })],
  ...[0.3, 0.5, 0.7].map((share): [string, Ask] => [
    `hybrid, weights ${share} : ${(1 - share).toFixed(1)}`,
    ({ text, vector }) => ({ text, vector, fusion: { weights: { vector: share, text: 1 - share } } }),
  ]),
];
for (const [name, ask] of ways) {
  let [ten, hundred, reciprocal] = [0, 0, 0];
  const start = performance.now();
  for (const query of queries) {
    const hits = await db.search(ask(query), { k: DEPTH, includeMetadata: false });
    const rank = hits.findIndex((hit) => hit.id === query.row + 1);
    if (rank < 0) continue;
    hundred++;
    if (rank < 10) ten++;
    reciprocal += 1 / (rank + 1);
  }
  const each = (performance.now() - start) / queries.length;
  const share = (n: number) => (n / queries.length).toFixed(3);
  console.log(`| ${name} | ${share(ten)} | ${share(hundred)} | ${share(reciprocal)} | ${each.toFixed(2)} |`);
}
await db.close();
