// Property: groups, diversity, rerank, paging and examples refine what a plain search finds, and k hits come back whenever there are k.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Metric, SageDB } from '../../lib/index.js';
import { seeded } from '../support/filter-oracle.js';
import { expectCode } from '../support/vectors.js';

interface Chunk {
  doc?: string | number | null | { a: number };
  n: number;
}
let db: SageDB<Chunk>;
beforeEach(async () => {
  db = await SageDB.open<Chunk>({ dimension: 2, metric: 'l2' });
});
afterEach(() => db.close());
const ids = (hits: { id: string | number }[]) => hits.map((hit) => hit.id);
/** Item i at distance i from the origin. */
const line = async (docs: Chunk['doc'][]) =>
  db.addBatch(
    docs.map((_, i) => [i, 0]),
    docs.map((doc, n) => (doc === undefined ? { n } : { doc, n })),
    {
      ids: docs.map((_, i) => i),
    },
  );

describe('groupBy', () => {
  test('one document does not fill the list', async () => {
    await line([...new Array(500).fill('big'), 'a', 'b', 'a', 'c']);
    expect(ids(await db.search([0, 0], { k: 3, groupBy: 'doc' }))).toEqual([0, 500, 501]);
    expect(ids(await db.search([0, 0], { k: 5, groupBy: 'doc', groupSize: 2 }))).toEqual([0, 1, 500, 501, 502]);
    expect(ids(await db.search([0, 0], { k: 50, groupBy: 'doc' }))).toEqual([0, 500, 501, 503]);
  });

  test('types never mix; hits without the field stand for themselves', async () => {
    await line([1, '1', 1, null, undefined, null, { a: 1 }, { a: 1 }]);
    expect(ids(await db.search([0, 0], { groupBy: 'doc' }))).toEqual([0, 1, 3, 4, 5, 6]);
  });

  test('metadata read for the groups alone is not returned', async () => {
    await line(['a', 'a', 'b']);
    const hits = await db.search([0, 0], { groupBy: 'doc', includeMetadata: false });
    expect(hits).toEqual([
      { id: 0, score: 0 },
      { id: 2, score: 2 },
    ]);
  });

  test('equals grouping a full search, for random groups', async () => {
    const seed = Date.now() % 2 ** 31;
    const below = seeded(seed);
    await line(Array.from({ length: 400 }, () => `d${Math.min(below(30), below(30))}`));
    const full = await db.search([0, 0], { k: 400 });
    for (let i = 0; i < 30; i++) {
      const [k, size, offset] = [1 + below(40), 1 + below(4), below(10)];
      const counts = new Map<unknown, number>();
      const expected = full.filter((hit) => {
        counts.set(hit.metadata.doc, (counts.get(hit.metadata.doc) ?? 0) + 1);
        return (counts.get(hit.metadata.doc) as number) <= size;
      });
      const found = await db.search([0, 0], { k, groupBy: 'doc', groupSize: size, offset });
      expect(found, `seed ${seed}`).toEqual(expected.slice(offset, offset + k));
    }
  });
});

test('offset pages through the same list', async () => {
  await line(new Array(50).fill('x'));
  const all = await db.search([0, 0], { k: 50 });
  for (const offset of [0, 1, 10, 45, 50, 99])
    expect(await db.search([0, 0], { k: 10, offset })).toEqual(all.slice(offset, offset + 10));
});

describe('rerank', () => {
  test('gets candidates with metadata, best first; its order and scores count', async () => {
    await line(new Array(100).fill('x'));
    const hits = await db.search([0, 0], {
      k: 3,
      candidates: 20,
      includeMetadata: false,
      rerank: async (found) => {
        expect(ids(found)).toEqual(Array.from({ length: 20 }, (_, i) => i));
        return found.map((hit) => ({ ...hit, score: hit.metadata.n })).reverse();
      },
    });
    expect(hits).toEqual([
      { id: 19, score: 19 },
      { id: 18, score: 18 },
      { id: 17, score: 17 },
    ]);
  });

  test('its errors pass as they are; foreign hits are refused', async () => {
    await line(['x', 'x']);
    const error = new Error('model is down');
    await expect(db.search([0, 0], { rerank: () => Promise.reject(error) })).rejects.toBe(error);
    await expectCode(() => db.search([0, 0], { rerank: () => undefined as never }), 'INVALID_ARGUMENT');
    await expectCode(() => db.search([0, 0], { rerank: () => [{ id: 7, score: 1 }] as never }), 'INVALID_ARGUMENT');
    await expectCode(() => db.search([0, 0], { rerank: (hits) => [...hits, ...hits] }), 'INVALID_ARGUMENT');
  });
});

describe.each<Metric>(['l2', 'cosine', 'ip'])('diversity under %s', (metric) => {
  test('0 is the plain order; more puts near copies back', async () => {
    await using other = await SageDB.open({ dimension: 3, metric });
    const base = [[10, 0, 0], [9.9, 0.1, 0], [9.9, 0, 0.1], [8, 6, 0], [8, 0, 6]]; // biome-ignore format: rows
    await other.addBatch(base, undefined, { ids: [0, 1, 2, 3, 4] });
    const query = [10, 0.01, 0];
    expect(ids(await other.search(query, { k: 5, diversity: 0 }))).toEqual(ids(await other.search(query, { k: 5 })));
    const mixed = ids(await other.search(query, { k: 3, diversity: 0.7 }));
    expect(mixed[0]).toBe(0);
    expect([...mixed].sort()).toEqual([0, 3, 4]);
    expect((await other.search(query, { k: 3, diversity: 0.7 }))[0]).not.toHaveProperty('vector');
  });
});

describe('examples', () => {
  test('an item finds what is near it, never itself', async () => {
    await line(new Array(10).fill('x'));
    expect(ids(await db.search({ id: 5 }, { k: 2 }))).toEqual([4, 6]);
    expect(await db.search({ id: 5 }, { k: 100 })).toHaveLength(9);
    expect(await db.search({ id: 5 }, { k: 2, filter: { n: { $gt: 6 } } })).toHaveLength(2);
  });

  test('negative examples push away, under cosine by direction alone', async () => {
    await line(new Array(20).fill('x'));
    expect(ids(await db.search({ positive: [8, 10], negative: [7] }, { k: 1 }))).toEqual([11]);
    await using other = await SageDB.open({ dimension: 2, metric: 'cosine' });
    await other.addBatch([[1, 0], [0, 100], [1, 1], [1, -1], [-1, 1]], undefined, { ids: ['e', 'n', 'ne', 'se', 'nw'] }); // biome-ignore format: rows
    expect(ids(await other.search({ positive: ['e', 'n'] }, { k: 1 }))).toEqual(['ne']);
    expect(ids(await other.search({ positive: ['e'], negative: ['n'] }, { k: 1 }))).toEqual(['se']);
  });

  test.each<[object, string]>([
    [{ id: 99 }, 'NOT_FOUND'],
    [{ positive: [1, 'x'] }, 'NOT_FOUND'],
    [{ positive: [] }, 'INVALID_ARGUMENT'],
    [{ negative: [1] }, 'INVALID_ARGUMENT'],
    [{ id: 1, positive: [1] }, 'INVALID_ARGUMENT'],
    [{ id: 1.5 }, 'INVALID_ID'],
    [{ ids: [1] }, 'INVALID_VECTOR'],
    [{ id: 1, k: 5 }, 'INVALID_ARGUMENT'],
  ])('refuses %j with %s', async (query, code) => {
    await line(['x', 'x']);
    await expectCode(() => db.search(query as { id: number }), code as 'NOT_FOUND');
  });
});

test.each<[object, string]>([
  [{ groupSize: 2 }, 'options.groupSize'],
  [{ groupBy: 5 }, 'options.groupBy'],
  [{ groupBy: 'a', groupSize: 0 }, 'options.groupSize'],
  [{ diversity: 1.5 }, 'options.diversity'],
  [{ candidates: 100 }, 'options.candidates'],
  [{ candidates: 5, diversity: 0.5 }, 'options.candidates'],
  [{ rerank: 'model' }, 'options.rerank'],
  [{ offset: -1 }, 'options.offset'],
])('refuses %j', async (options, field) => {
  await expectCode(() => db.search([0, 0], options), 'INVALID_ARGUMENT');
  await expect(db.search([0, 0], options)).rejects.toThrow(field);
});
