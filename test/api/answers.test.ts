// Property: answers to searches are values of their own: whatever comes after them, and whether their numbers were handed over in the buffer that all
// small answers share or in one of their own.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Id, SageDB } from '../../lib/index.js';
import { random, randomFlat } from '../support/vectors.js';

const DIMENSION = 8;
const ROWS = 5000;
const seed = Number(process.env.SAGEDB_TEST_SEED ?? Math.floor(Math.random() * 1e9));
let numbered: SageDB<{ i: number }>;
let mixed: SageDB<{ i: number }>;

beforeAll(async () => {
  const data = randomFlat(random(3), ROWS, DIMENSION);
  const metadata = Array.from({ length: ROWS }, (_, i) => ({ i }));
  numbered = await SageDB.open({ dimension: DIMENSION });
  await numbered.addBatch(data, metadata, { ids: metadata.map(({ i }) => i) });
  mixed = await SageDB.open({ dimension: DIMENSION });
  await mixed.addBatch(data, metadata, { ids: metadata.map(({ i }): Id => (i % 3 === 0 ? `s${i}` : i)) });
  await Promise.all([numbered.buildIndex(), mixed.buildIndex()]);
});
afterAll(async () => {
  await numbered.close();
  await mixed.close();
});

test('hundreds of answers of all shapes and sizes at once, kept, are those that batches give', async () => {
  console.log(`seed ${seed}`);
  const next = random(seed);
  const pick = (n: number) => Math.floor(next() * n);
  const kept: { read: () => unknown; expected: Promise<unknown> }[] = [];
  const keep = (hits: unknown, expected: Promise<unknown>) => kept.push({ read: () => hits, expected });
  const waiting: Promise<void>[] = [];
  for (let round = 0; round < 300; round++) {
    const db = pick(2) === 0 ? numbered : mixed;
    const query = randomFlat(next, 1, DIMENSION);
    const options = {
      // 4,096 hits are the most that the shared buffer holds.
      k: [1, 3, 10, 10, 100, 4096, 4097][pick(7)] as number,
      exact: true,
      includeMetadata: pick(3) === 0,
      includeVector: pick(4) === 0,
    };
    // Batches have buffers of their own.
    const expected = db.batchSearch([query], options).then(([hits]) => hits);
    switch (pick(4)) {
      case 0:
        keep(db.searchSync(query, options), expected);
        break;
      case 1:
        keep(db.batchSearchSync([query], options)[0], expected);
        break;
      case 2:
        waiting.push(
          db.searchRaw(query, options).then((raw) => {
            // Read when everything else has been answered.
            const read = () => {
              const ids = Array.from(raw.ids, (id, i) => (Number.isNaN(id) ? raw.stringIds?.[i] : id));
              return ids.map((id, i) => [id, raw.scores[i]]);
            };
            const plain = expected.then((hits) => (hits ?? []).map(({ id, score }) => [id, Math.fround(score)]));
            kept.push({ read, expected: plain });
          }),
        );
        break;
      default:
        waiting.push(
          db.search(query, options).then((hits) => {
            keep(hits, expected);
          }),
        );
    }
    if (pick(10) === 0) await waiting[pick(waiting.length)];
  }
  await Promise.all(waiting);
  expect(kept.length).toBe(300);
  await Promise.all(kept.map(({ expected }) => expected));
  for (const { read, expected } of kept) expect(read()).toEqual(await expected);
});

test('more queries than the shared buffer counts, and queries without hits', () => {
  const queries = randomFlat(random(5), 700, DIMENSION);
  for (const k of [1, 7]) {
    const together = numbered.batchSearchSync(queries, { k, exact: true });
    expect(together).toHaveLength(700);
    for (const [i, hits] of together.entries()) {
      const query = queries.subarray(i * DIMENSION, (i + 1) * DIMENSION);
      expect(numbered.searchSync(query, { k, exact: true })).toEqual(hits);
    }
  }
  const query = queries.subarray(0, DIMENSION);
  expect(numbered.searchSync(query, { filter: { i: -1 } })).toEqual([]);
  expect(numbered.searchSync(query, { k: 2 })).toHaveLength(2);
});
