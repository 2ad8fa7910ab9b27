// Property: searches return what brute force in JavaScript returns, in the units, order and shapes that are promised.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Id, type Metric, SageDB } from '../../lib/index.js';
import { random, randomFlat, randomVector } from '../support/vectors.js';

const DIMENSION = 16;
const ROWS = 3000;
const data = randomFlat(random(11), ROWS, DIMENSION);
const row = (i: number) => data.subarray(i * DIMENSION, (i + 1) * DIMENSION);

function score(metric: Metric, a: Float32Array, b: Float32Array): number {
  let dot = 0;
  let l2 = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    const x = a[i] as number;
    const y = b[i] as number;
    dot += x * y;
    l2 += (x - y) ** 2;
    aa += x * x;
    bb += y * y;
  }
  return metric === 'l2' ? Math.sqrt(l2) : metric === 'ip' ? dot : dot / Math.sqrt(aa * bb);
}

function bruteForce(metric: Metric, query: Float32Array): { id: number; score: number }[] {
  const all = Array.from({ length: ROWS }, (_, i) => ({ id: i, score: score(metric, query, row(i)) }));
  return all.sort((a, b) => (metric === 'l2' ? a.score - b.score : b.score - a.score));
}

describe.each<Metric>(['l2', 'cosine', 'ip'])('%s', (metric) => {
  let db: SageDB<{ i: number }>;
  const query = randomVector(random(12), DIMENSION);
  const truth = bruteForce(metric, query);

  beforeAll(async () => {
    db = await SageDB.open({ dimension: DIMENSION, metric });
    const metadata = Array.from({ length: ROWS }, (_, i) => ({ i }));
    await db.addBatch(data, metadata, { ids: metadata.map((m) => m.i) });
    await db.buildIndex();
  });
  afterAll(() => db.close());

  test('exact search is brute force; score is the distance for l2, the similarity otherwise', async () => {
    const hits = await db.search(query, { k: 25, exact: true });
    expect(hits.map((hit) => hit.id)).toEqual(truth.slice(0, 25).map((hit) => hit.id));
    for (const [i, hit] of hits.entries()) {
      expect(hit.score).toBeCloseTo((truth[i] as { score: number }).score, 4);
      expect(hit.metadata).toEqual({ i: hit.id });
    }
  });

  test('a generous ef finds the true neighbors', async () => {
    const hits = await db.search(query, { k: 10, ef: 800 });
    const found = new Set(hits.map((hit) => hit.id));
    expect(truth.slice(0, 10).filter((hit) => found.has(hit.id)).length).toBeGreaterThanOrEqual(9);
  });

  test('radius is in the unit of score, inclusive, and k caps the list', async () => {
    const limit = (truth[19] as { score: number }).score;
    const slack = metric === 'l2' ? 1e-4 : -1e-4;
    const inside = await db.search(query, { k: 1000, radius: limit + slack, exact: true });
    expect(inside.map((hit) => hit.id)).toEqual(truth.slice(0, 20).map((hit) => hit.id));
    const last = inside.at(-1) as { score: number };
    expect((await db.search(query, { k: 1000, radius: last.score, exact: true })).length).toBe(20);
    expect((await db.search(query, { k: 5, radius: limit + slack })).length).toBe(5);
    const none = metric === 'l2' ? 0 : metric === 'ip' ? 1e6 : 1;
    expect(await db.search(query, { radius: none })).toEqual([]);
  });

  test('every way to ask gives the same answer', async () => {
    const options = { k: 7, exact: true, includeVector: true } as const;
    const hits = await db.search(query, options);
    expect(db.searchSync(query, options)).toEqual(hits);
    expect(await db.batchSearch([query, row(5)], options)).toEqual([hits, await db.search(row(5), options)]);
    expect(db.batchSearchSync([query], options)).toEqual([hits]);
    expect(await db.search(Array.from(query), options)).toEqual(hits);
    expect(await db.search(Float64Array.from(query), options)).toEqual(hits);

    const raw = await db.searchRaw(query, { ...options, includeMetadata: true });
    expect(raw.count).toBe(7);
    expect(Array.from(raw.ids)).toEqual(hits.map((hit) => hit.id));
    expect(Array.from(raw.scores)).toEqual(hits.map((hit) => hit.score));
    expect(JSON.parse(raw.metadataJson as string)).toEqual(hits.map((hit) => hit.metadata));
    expect(raw.vectors).toEqual(Float32Array.from(hits.flatMap((hit) => [...hit.vector])));
    expect(raw.stringIds).toBeUndefined();
    expect(raw.indexVersion).toBe(db.indexVersion);
    const plain = await db.searchRaw(query);
    expect([plain.metadataJson, plain.vectors]).toEqual([undefined, undefined]);
  });

  test('large batches arrive whole and in order', async () => {
    // A fixed ef: calibration may change the default between two of these calls.
    const queries = randomFlat(random(13), 2500, DIMENSION);
    const raw = await db.batchSearchRaw(queries, { k: 3, ef: 64, includeVector: true, includeMetadata: true });
    const hits = await db.batchSearch(queries, { k: 3, ef: 64 });
    expect(Array.from(raw.offsets)).toEqual(Array.from({ length: 2501 }, (_, i) => 3 * i));
    expect(Array.from(raw.ids)).toEqual(hits.flat().map((hit) => hit.id));
    expect(raw.vectors?.length).toBe(7500 * DIMENSION);
    expect(raw.metadataJson?.length).toBe(2500);
    for (const q of [0, 1023, 1024, 2499]) {
      const one = await db.search(queries.subarray(q * DIMENSION, (q + 1) * DIMENSION), { k: 3, ef: 64 });
      expect(one).toEqual(hits[q]);
    }
  });
});

describe('shapes and order', () => {
  let db: SageDB<{ n?: number }>;
  beforeAll(async () => {
    db = await SageDB.open<{ n?: number }>({ dimension: 2, metric: 'l2' });
  });
  afterAll(() => db.close());

  test('an empty database answers with nothing', async () => {
    expect(await db.search([1, 2])).toEqual([]);
    expect(db.searchSync([1, 2])).toEqual([]);
    expect(
      await db.batchSearch([
        [1, 2],
        [3, 4],
      ]),
    ).toEqual([[], []]);
    expect(await db.searchRaw([1, 2], { includeMetadata: true })).toMatchObject({ count: 0, metadataJson: '[]' });
    const raw = await db.batchSearchRaw([[1, 2]], { includeVector: true });
    expect([Array.from(raw.offsets), raw.vectors?.length]).toEqual([[0, 0], 0]);
  });

  test('ties: numbers before strings, ascending, strings by code unit', async () => {
    const ids: Id[] = ['b', 10, '\u{10000}', '\uffff', 9, 'B', -1, 'a', ''];
    await db.addBatch(
      ids.map(() => [5, 5]),
      undefined,
      { ids },
    );
    const expected = [-1, 9, 10, '', 'B', 'a', 'b', '\u{10000}', '\uffff'];
    expect((await db.search([5, 5], { k: 20 })).map((hit) => hit.id)).toEqual(expected);
    for (let k = 1; k < expected.length; k++) {
      expect((await db.search([5, 5], { k })).map((hit) => hit.id)).toEqual(expected.slice(0, k));
    }
    const raw = await db.searchRaw([5, 5], { k: 4 });
    expect([Array.from(raw.ids), raw.stringIds]).toEqual([
      [-1, 9, 10, Number.NaN],
      [undefined, undefined, undefined, ''],
    ]);
  });

  test('what is not asked for is not there', async () => {
    const [bare] = await db.search([5, 5], { k: 1, includeMetadata: false });
    expect(bare).toStrictEqual({ id: -1, score: 0 });
    const [full] = await db.search([5, 5], { k: 1, includeVector: true });
    expect(full).toStrictEqual({ id: -1, score: 0, metadata: {}, vector: Float32Array.of(5, 5) });
  });

  test('results are the caller’s own', async () => {
    const [a, b] = await Promise.all([db.search([5, 5], { k: 1 }), db.search([5, 5], { k: 1 })]);
    (a[0] as { metadata: { n?: number } }).metadata.n = 99;
    expect(b[0]?.metadata).toEqual({});
    const raw = await db.batchSearchRaw([[5, 5]]);
    raw.ids.fill(0);
    expect((await db.search([5, 5], { k: 1 }))[0]?.id).toBe(-1);
  });

  test('a search in mid write sees metadata and vector of one moment', async () => {
    await db.upsert([100, 100], { n: 100 }, { id: 'moving' });
    const writes: Promise<unknown>[] = [];
    const seen: Promise<unknown>[] = [];
    for (let n = 101; n < 300; n++) {
      writes.push(db.update('moving', { vector: [n, n], metadata: { n } }));
      seen.push(
        db.search([n, n], { k: 100, includeVector: true }).then((hits) => {
          const moving = hits.filter((hit) => hit.id === 'moving');
          expect(moving.map((hit) => hit.metadata.n)).toEqual([moving[0]?.vector[0]]);
        }),
      );
      if (n % 10 === 0) await writes.at(-1);
    }
    await Promise.all([...writes, ...seen]);
  });
});

test('a batch of 1,000 is answered from one snapshot while rows are written', async () => {
  const db = await SageDB.open({ dimension: 2, metric: 'l2' });
  await db.addBatch([[1000, 0]]);
  const queries = new Float32Array(2 * 1000);
  let running = true;
  const writer = (async () => {
    for (let x = 999; running; x *= 0.999) await db.add([x, 0]); // each nearer than all before
  })();
  const nearest = new Set<Id>();
  for (let round = 0; round < 20; round++) {
    const hits = await db.batchSearch(queries, { k: 1 });
    const ids = new Set(hits.map(([first]) => first?.id as Id));
    expect(ids.size).toBe(1);
    for (const id of ids) nearest.add(id);
  }
  running = false;
  await writer;
  await db.close();
  expect(nearest.size).toBeGreaterThan(10); // rows were written meanwhile
});
