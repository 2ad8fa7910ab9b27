// Property: find and iterate read one snapshot; order, paging and selection are those of a plain sort, slice and pick.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { FilterWorld, seeded, valueAt } from '../support/filter-oracle.js';
import { expectCode } from '../support/vectors.js';

let db: SageDB;
beforeEach(async () => {
  db = await SageDB.open({ dimension: 2, metric: 'l2' });
});
afterEach(() => db.close());

const vectors = (n: number) => Array.from({ length: n }, (_, i) => [i, 1]);
const ids = (items: { id: string | number }[]) => items.map((item) => item.id);

/** The documented order of values: missing and null, numbers, strings, objects, arrays, booleans. */
function rank(v: unknown): number {
  if (v === undefined || v === null) return 0;
  if (typeof v === 'number') return 1;
  if (typeof v === 'string') return 2;
  if (typeof v === 'boolean') return 5;
  return Array.isArray(v) ? 4 : 3;
}
function compare(a: unknown, b: unknown): number {
  if (rank(a) !== rank(b)) return rank(a) - rank(b);
  if (rank(a) === 0 || rank(a) === 3 || rank(a) === 4) return 0;
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
}

describe('orderBy', () => {
  test('sorts by several fields as a stable sort of the oracle does, with limit and offset', async () => {
    const seed = Date.now() % 2 ** 31;
    const world = new FilterWorld(seeded(seed));
    const metadata = Array.from({ length: 300 }, () => world.metadata() as Record<string, never>);
    const all = await db.addBatch(vectors(metadata.length), metadata);
    for (const paths of [['a'], ['b', 'a'], ['a.b', 'c', '']]) {
      for (const descending of [false, true]) {
        const order = all.map((id, i) => ({ id, metadata: metadata[i] as Record<string, unknown> }));
        order.sort((x, y) => {
          for (const path of paths) {
            const c = compare(valueAt(x.metadata, path), valueAt(y.metadata, path));
            if (c !== 0) return descending ? -c : c;
          }
          return 0;
        });
        const orderBy = paths.map((path) => [path, descending ? 'desc' : 'asc'] as const);
        expect(ids(await db.find({}, { orderBy })), `seed ${seed} ${paths}`).toEqual(ids(order));
        expect(ids(await db.find({}, { orderBy, offset: 7, limit: 20 })), `seed ${seed} ${paths}`).toEqual(
          ids(order.slice(7, 27)),
        );
      }
    }
  });

  test('takes a path, an object, or a list', async () => {
    await db.addBatch(vectors(3), [
      { a: 2, b: 1 },
      { a: 1, b: 2 },
      { a: 2, b: 3 },
    ]);
    expect((await db.find({}, { orderBy: 'a' })).map((x) => x.metadata.b)).toEqual([2, 1, 3]);
    expect((await db.find({}, { orderBy: { a: 'desc', b: 'desc' } })).map((x) => x.metadata.b)).toEqual([3, 1, 2]);
    expect((await db.find({}, { orderBy: ['a', ['b', 'desc']] })).map((x) => x.metadata.b)).toEqual([2, 3, 1]);
  });

  test.each<[unknown, string]>([
    [5, 'options.orderBy'],
    [{ a: 'up' }, 'options.orderBy.a'],
    [{ 7: 'asc' }, "[['7', 'asc']]"],
    [[['a']], 'options.orderBy[0]'],
    [[['a', 1]], 'options.orderBy[0][1]'],
    [[5], 'options.orderBy[0]'],
  ])('refuses %j', async (orderBy, field) => {
    await expectCode(() => db.find({}, { orderBy: orderBy as 'a' }), 'INVALID_ARGUMENT');
    await expect(db.find({}, { orderBy: orderBy as 'a' })).rejects.toThrow(field);
  });
});

describe('select', () => {
  test('keeps the named paths in their places', async () => {
    const metadata = JSON.parse('{"a":{"b":1,"c":{"d":2,"e":3}},"f":[{"g":1}],"h.i":4,"__proto__":{"j":5},"k":6}');
    await db.add([1, 1], metadata);
    const select = async (...paths: string[]) => (await db.find({}, { select: paths }))[0]?.metadata;
    expect(await select()).toEqual({});
    expect(await select('a.b', 'a.c.e', 'f', 'h.i', 'missing', 'f.g', 'a.b.x')).toEqual({
      a: { b: 1, c: { e: 3 } },
      f: [{ g: 1 }],
      'h.i': 4,
    });
    expect(await select('a.c', 'a.c.d')).toEqual({ a: { c: { d: 2, e: 3 } } });
    expect(await select('a.c.d', 'a.c')).toEqual({ a: { c: { d: 2, e: 3 } } });
    const own = await select('__proto__.j');
    expect(Object.getPrototypeOf(own)).toBe(Object.prototype);
    expect(JSON.stringify(own)).toBe('{"__proto__":{"j":5}}');
  });
});

describe('iterate', () => {
  test('gives every item once, from the snapshot of the first step, whatever is written meanwhile', async () => {
    const all = await db.addBatch(
      vectors(1000),
      vectors(1000).map((_, i) => ({ i, even: i % 2 === 0 })),
    );
    const seen: number[] = [];
    for await (const item of db.iterate({ even: true }, { pageSize: 64, includeVector: true })) {
      if (seen.length === 10) {
        await db.remove(all.slice(100));
        await db.optimize(); // renumbers everything
        await db.add([5, 5], { i: 5000, even: true });
      }
      expect([...item.vector]).toEqual([item.metadata.i, 1]);
      seen.push(item.metadata.i as number);
    }
    expect(seen).toEqual(Array.from({ length: 500 }, (_, i) => 2 * i));
    expect(await db.count({ even: true })).toBe(51);
  });

  test('page sizes, order, limit and offset give what find gives', async () => {
    await db.addBatch(
      vectors(100),
      vectors(100).map((_, i) => ({ i: (i * 37) % 100 })),
    );
    const options = { orderBy: { i: 'desc' } as const, offset: 5, limit: 80, select: ['i'] };
    const found = await db.find({}, options);
    for (const pageSize of [1, 7, 80, 81, 1000]) {
      const walked = [];
      for await (const item of db.iterate(undefined, { ...options, pageSize })) walked.push(item);
      expect(walked).toEqual(found);
    }
  });

  test('can be left early; errors come with the first step; close ends it', async () => {
    await db.addBatch(vectors(10));
    for await (const item of db.iterate()) {
      expect(item.id).toBeDefined();
      break;
    }
    await expect(db.iterate({ a: { $bad: 1 } } as never).next()).rejects.toMatchObject({ code: 'INVALID_FILTER' });
    await expect(db.iterate({}, { pageSize: 0 }).next()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    const walk = db.iterate({}, { pageSize: 2 });
    await walk.next();
    await walk.next();
    await db.close();
    await expect(walk.next()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
