// Property: no answer is left behind. While the event loop stays awake for a lone call, other threads hand answers over without waking it;
// what comes just as the loop stops turning must wake it all the same.
import { expect, test } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { random, randomFlat } from '../support/numbers.js';

const DIMENSION = 16;

test('an answer that comes as the loop stops turning arrives', async () => {
  const next = random(5);
  await using db = await SageDB.open({ dimension: DIMENSION, metric: 'l2' });
  const ids = await db.addBatch(randomFlat(next, 500, DIMENSION));
  const queries = randomFlat(next, 20, DIMENSION);
  const query = queries.subarray(0, DIMENSION);
  // The first three hold the loop awake while they are alone in their kind, and take about as long as each other; the last one does not.
  const calls = [
    async () => expect(await db.search(query, { k: 3 })).toHaveLength(3),
    async () => expect(await db.get(ids[7] as number)).not.toBeNull(),
    async () => expect(await db.add(query)).toBeGreaterThan(0),
    async () => expect(await db.batchSearch(queries, { k: 1 })).toHaveLength(20),
  ] as const;
  for (let i = 0; i < 3_000; i++) {
    const one = Math.floor(next() * calls.length);
    const other = (one + 1 + Math.floor(next() * (calls.length - 1))) % calls.length;
    await Promise.all([calls[one]?.(), calls[other]?.()]);
  }
});

test('answers of databases that open and close meanwhile arrive', async () => {
  await using kept = await SageDB.open({ dimension: 2 });
  const id = await kept.add([1, 2]);
  for (let i = 0; i < 200; i++) {
    const db = await SageDB.open({ dimension: 2 });
    const [, hits] = await Promise.all([db.add([i + 1, 1]), kept.search([1, 2], { k: 1 })]);
    expect(hits[0]?.id).toBe(id);
    await Promise.all([db.search([1, 1], { k: 1 }).then(() => db.close()), kept.get(id)]);
  }
});
