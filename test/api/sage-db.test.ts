// Property: the fixed semantics of the public API, method by method.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { expectCode } from '../support/vectors.js';

interface Meta {
  n?: number;
  tag?: string;
}

let db: SageDB<Meta>;
beforeEach(async () => {
  db = await SageDB.open<Meta>({ dimension: 3, metric: 'l2' });
});
afterEach(() => db.close());

const at = (x: number): number[] => [x, 0, 0];

describe('ids', () => {
  test('assigned numbers rise, skip the caller’s and are never reused', async () => {
    const first = await db.add(at(1));
    expect(await db.add(at(2))).toBe(first + 1);
    expect(await db.add(at(3), {}, { id: first + 10 })).toBe(first + 10);
    const next = await db.add(at(4));
    expect(next).toBe(first + 11);
    await db.remove(next);
    expect(await db.add(at(5))).toBe(first + 12);
    expect(await db.addBatch([at(6), at(7)])).toEqual([first + 13, first + 14]);
  });

  test('numbers and strings never collide', async () => {
    await db.add(at(1), { tag: 'number' }, { id: 1 });
    await db.add(at(2), { tag: 'string' }, { id: '1' });
    expect((await db.get(1))?.metadata).toEqual({ tag: 'number' });
    expect((await db.get('1'))?.metadata).toEqual({ tag: 'string' });
  });

  test('every string is an id of its own: empty, long, lone surrogates, NUL', async () => {
    const ids = ['', 'a\0b', 'a', '\ud800', '\udc00', '\ud800\udc00', '�', 'ü', 'x'.repeat(5000), '__proto__'];
    await Promise.all(ids.map((id, i) => db.add(at(i), { n: i }, { id })));
    expect(await db.getMany(ids)).toEqual(ids.map((id, n) => ({ id, metadata: { n } })));
    const hits = await db.search(at(0), { k: 20 });
    expect(hits.map((hit) => hit.id)).toEqual(ids);
  });

  test('the limits of safe integers', async () => {
    for (const id of [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0, -1]) {
      expect(await db.add(at(1), { n: 1 }, { id })).toBe(id);
      expect((await db.get(id))?.id).toBe(id);
    }
    expect(await db.has(-0)).toBe(true);
    expect(Object.is((await db.get(-0))?.id, 0)).toBe(true);
  });
});

describe('writes', () => {
  test('add of an existing id is an error and changes nothing', async () => {
    await db.add(at(1), { n: 1 }, { id: 'a' });
    await expectCode(() => db.add(at(2), { n: 2 }, { id: 'a' }), 'DUPLICATE_ID', /"a"/);
    await expectCode(() => db.addBatch([at(3), at(2)], undefined, { ids: ['b', 'a'] }), 'DUPLICATE_ID');
    await expectCode(() => db.addBatch([at(3), at(2)], undefined, { ids: ['b', 'b'] }), 'DUPLICATE_ID');
    expect(db.size).toBe(1);
    expect(await db.get('a', { includeVector: true })).toEqual({
      id: 'a',
      metadata: { n: 1 },
      vector: Float32Array.from(at(1)),
    });
  });

  test('upsert replaces the whole row', async () => {
    await db.add(at(1), { n: 1, tag: 'old' }, { id: 'a' });
    expect(await db.upsert(at(2), { n: 2 }, { id: 'a' })).toBe('a');
    expect(await db.get('a', { includeVector: true })).toEqual({
      id: 'a',
      metadata: { n: 2 },
      vector: Float32Array.from(at(2)),
    });
    await db.upsert(at(3), undefined, { id: 'a' });
    expect((await db.get('a'))?.metadata).toEqual({});
    expect(db.size).toBe(1);
    expect(await db.upsertBatch([at(4), at(5)], [{ n: 4 }, { n: 5 }], { ids: ['a', 'b'] })).toEqual(['a', 'b']);
    expect(db.size).toBe(2);
    expect((await db.get('a'))?.metadata).toEqual({ n: 4 });
  });

  test('update replaces metadata and keeps the vector, and the reverse', async () => {
    await db.add(at(1), { n: 1, tag: 'x' }, { id: 'a' });
    expect(await db.update('a', { metadata: { n: 2 } })).toBe(true);
    expect(await db.get('a', { includeVector: true })).toMatchObject({
      metadata: { n: 2 },
      vector: Float32Array.of(1, 0, 0),
    });
    expect(await db.update('a', { vector: at(9) })).toBe(true);
    expect(await db.get('a', { includeVector: true })).toMatchObject({
      metadata: { n: 2 },
      vector: Float32Array.of(9, 0, 0),
    });
    expect(await db.update('a', { vector: at(3), metadata: {} })).toBe(true);
    expect(await db.get('a', { includeVector: true })).toEqual({
      id: 'a',
      metadata: {},
      vector: Float32Array.from(at(3)),
    });
    expect(await db.update('missing', { vector: at(1) })).toBe(false);
    expect(db.size).toBe(1);
  });

  test('remove says whether and how many, and does not throw on missing ids', async () => {
    await db.addBatch([at(1), at(2), at(3)], undefined, { ids: [1, 2, 'c'] });
    expect(await db.remove(1)).toBe(true);
    expect(await db.remove(1)).toBe(false);
    expect(await db.remove([1, 2, 'c', 'd', 2])).toBe(2);
    expect(await db.remove([])).toBe(0);
    expect(db.size).toBe(0);
  });

  test('an empty batch is a batch', async () => {
    expect(await db.addBatch([])).toEqual([]);
    expect(await db.addBatch(new Float32Array(0), [])).toEqual([]);
    expect(await db.batchSearch([])).toEqual([]);
    expect(await db.getMany([])).toEqual([]);
  });

  test('addBatch takes lists, flat arrays and doubles alike', async () => {
    const inputs = [
      [at(1), at(2)],
      [Float32Array.from(at(1)), Float64Array.from(at(2))],
      Float32Array.from([...at(1), ...at(2)]),
      Float64Array.from([...at(1), ...at(2)]),
      new Float32Array([9, ...at(1), ...at(2), 9]).subarray(1, 7),
    ];
    for (const input of inputs) {
      const ids = await db.addBatch(input, [{ n: 1 }, undefined]);
      expect(await db.getMany(ids, { includeVector: true })).toEqual([
        { id: ids[0], metadata: { n: 1 }, vector: Float32Array.from(at(1)) },
        { id: ids[1], metadata: {}, vector: Float32Array.from(at(2)) },
      ]);
    }
  });

  test('input may be reused as soon as add and a small addBatch have returned', async () => {
    const vector = Float32Array.from(at(1));
    const metadata = { n: 1 };
    const flat = Float32Array.from([...at(5), ...at(6)]);
    const pending = [db.add(vector, metadata, { id: 'a' }), db.addBatch(flat, undefined, { ids: ['b', 'c'] })];
    vector.fill(99);
    flat.fill(99);
    metadata.n = 99;
    await Promise.all<unknown>(pending);
    expect(await db.get('a', { includeVector: true })).toMatchObject({
      metadata: { n: 1 },
      vector: Float32Array.of(1, 0, 0),
    });
    expect(await db.get('c', { includeVector: true })).toMatchObject({ vector: Float32Array.of(6, 0, 0) });
  });
});

describe('reads', () => {
  test('missing ids: get gives undefined, has gives false', async () => {
    await db.add(at(1), undefined, { id: 1 });
    expect(await db.get(2)).toBeUndefined();
    expect(await db.get('1')).toBeUndefined();
    expect(await db.has(2)).toBe(false);
    expect(await db.has(1)).toBe(true);
    expect(await db.getMany([2, 1, 3])).toEqual([undefined, { id: 1, metadata: {} }, undefined]);
  });

  test('count and find with and without a filter, a limit and an offset', async () => {
    await db.addBatch(
      Array.from({ length: 700 }, (_, i) => at(i)),
      Array.from({ length: 700 }, (_, n) => ({ n, tag: n % 2 ? 'odd' : 'even' })),
    );
    expect(await db.count()).toBe(700);
    expect(await db.count({ tag: 'odd' })).toBe(350);
    const odd = await db.find({ tag: 'odd' });
    expect(odd.map((item) => item.metadata.n)).toEqual(Array.from({ length: 350 }, (_, i) => 2 * i + 1));
    const page = await db.find({ tag: 'odd' }, { limit: 3, offset: 100, includeVector: true });
    expect(page.map((item) => [item.metadata.n, item.vector[0]])).toEqual([
      [201, 201],
      [203, 203],
      [205, 205],
    ]);
    expect(await db.find({ tag: 'odd' }, { limit: 0 })).toEqual([]);
    expect(await db.find({ tag: 'odd' }, { offset: 350 })).toEqual([]);
    expect(await db.removeWhere({ tag: 'odd' })).toBe(350);
    expect(await db.count()).toBe(350);
    expect(db.size).toBe(350);
  });

  test('look-ups made together are answered apart', async () => {
    await db.addBatch([at(1), at(2)], [{ n: 1 }, { n: 2 }], { ids: ['a', 'b'] });
    const [a, missing, b, hasA, hasC, withVector] = await Promise.all([
      db.get('a'),
      db.get('c'),
      db.get('b'),
      db.has('a'),
      db.has('c'),
      db.get('b', { includeVector: true }),
    ]);
    expect([a, missing, b, hasA, hasC]).toEqual([
      { id: 'a', metadata: { n: 1 } },
      undefined,
      { id: 'b', metadata: { n: 2 } },
      true,
      false,
    ]);
    expect(withVector?.vector).toEqual(Float32Array.from(at(2)));
  });

  test('cosine vectors read back with their own length', async () => {
    const cosine = await SageDB.open({ dimension: 2 });
    expect(cosine.metric).toBe('cosine');
    await cosine.add([3, 4], undefined, { id: 1 });
    const item = await cosine.get(1, { includeVector: true });
    expect(item?.vector[0]).toBeCloseTo(3, 5);
    expect(item?.vector[1]).toBeCloseTo(4, 5);
    await cosine.close();
  });
});

test('stats counts what was done', async () => {
  await db.addBatch([at(1), at(2)], undefined, { ids: [1, 2] });
  await db.update(1, { metadata: { n: 1 } });
  await db.remove(2);
  await db.search(at(1));
  await db.buildIndex();
  const stats = db.stats();
  expect(stats).toMatchObject({ size: 1, dimension: 3, metric: 'l2', totalSearches: 1, totalAdds: 2, freshRows: 0 });
  expect(stats.memory.total).toBeGreaterThan(0);
  expect(stats.build).toMatchObject({ running: false, lastError: '' });
  expect(db.indexVersion).toBe(stats.indexVersion);
  expect(stats.indexVersion).toBeGreaterThan(0);
});
