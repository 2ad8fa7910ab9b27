// Property: writes take effect in the order of the calls though nobody awaits them; calls of one turn travel together.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { type NativeDatabase, native } from '../../lib/native.js';
import { Searches } from '../../lib/search.js';
import { searchSpec } from '../../lib/search-options.js';
import { WRITE, WriteQueue } from '../../lib/write-queue.js';
import { expectCode, random, randomFlat } from '../support/vectors.js';

describe('order of writes', () => {
  let db: SageDB<{ n: number }>;
  beforeEach(async () => {
    db = await SageDB.open<{ n: number }>({ dimension: 2, metric: 'l2' });
  });
  afterEach(() => db.close());

  test('un-awaited upserts: the last one wins', async () => {
    const writes = Array.from({ length: 5000 }, (_, n) => db.upsert([n, 1], { n }, { id: 'x' }));
    await Promise.all(writes);
    expect((await db.get('x', { includeVector: true }))?.vector[0]).toBe(4999);
    expect(db.size).toBe(1);
  });

  test('un-awaited mixtures, also behind a batch that is copied over many turns', async () => {
    const big = db.addBatch(randomFlat(random(1), 200_000, 2));
    const ids = Array.from({ length: 10 }, (_, i) => `k${i}`);
    const outcome = await Promise.all([
      db.add([1, 1], { n: 1 }, { id: 'a' }),
      db.update('a', { metadata: { n: 2 } }),
      db.remove('a'),
      db.update('a', { metadata: { n: 3 } }),
      db.remove('a'),
      db.upsert([2, 2], { n: 4 }, { id: 'a' }),
      db.addBatch(
        ids.map(() => [0, 0]),
        undefined,
        { ids },
      ),
      db.remove(['k0', 'k1', 'gone']),
      db.removeWhere({ n: 4 }),
      db.add([1, 1], { n: 5 }, { id: 'a' }),
    ]);
    expect(outcome).toEqual(['a', true, true, false, false, 'a', ids, 2, 1, 'a']);
    expect((await big).length).toBe(200_000);
    expect((await db.get('a'))?.metadata).toEqual({ n: 5 });
    expect(db.size).toBe(200_009);
  });

  test('one that fails does not disturb its neighbors', async () => {
    const results = await Promise.allSettled([
      db.add([1, 1], { n: 1 }, { id: 'a' }),
      db.add([2, 2], { n: 2 }, { id: 'a' }),
      db.add([Number.NaN, 2]),
      db.addBatch(
        [
          [3, 3],
          [4, 4],
        ],
        undefined,
        { ids: ['b', 'a'] },
      ),
      db.add([5, 5], { n: 5 }, { id: 'b' }),
    ]);
    expect(results.map((r) => (r.status === 'fulfilled' ? r.value : r.reason.code))).toEqual([
      'a',
      'DUPLICATE_ID',
      'INVALID_VECTOR',
      'DUPLICATE_ID',
      'b',
    ]);
    expect((await db.get('b'))?.metadata).toEqual({ n: 5 });
  });

  test('an acknowledged write is seen by the very next search, get, count and has', async () => {
    for (let n = 0; n < 300; n++) {
      const id = await db.add([n, n], { n });
      const [hits, item, count, has] = await Promise.all([
        db.search([n, n], { k: 1 }),
        db.get(id),
        db.count(),
        db.has(id),
      ]);
      expect([hits[0]?.id, item?.metadata.n, count, has]).toEqual([id, n, n + 1, true]);
    }
  });

  test('flush comes after the writes before it', async () => {
    let written = false;
    void db.add([1, 1]).then(() => {
      written = true;
    });
    await db.flush();
    expect(written).toBe(true);
  });
});

/** The addon's database with its calls counted. */
async function spied() {
  const options = {
    dimension: 2,
    metric: 'l2',
    vectors: 'float32',
    indexType: 'auto',
    M: 16,
    efConstruction: 200,
    quantization: 'auto',
    rebuildThreshold: 1000,
    threads: 0,
    path: '',
    durability: 'memory',
    readOnly: false,
    checkBlocks: true,
    openMetric: false,
    openVectors: false,
    openIndex: false,
    openM: false,
    textFields: [],
    openTextFields: false,
    spaces: [],
  };
  const database = await new Promise<NativeDatabase>((resolve, reject) => {
    native().open(options, (error, result) => (error ? reject(error) : resolve(result)));
  });
  const calls = { search: [] as number[], apply: 0, running: 0, most: 0, leastBeside: Number.POSITIVE_INFINITY };
  const spy: Pick<NativeDatabase, 'search' | 'apply' | 'textFields'> = {
    textFields: () => database.textFields(),
    search: (queries, count, params, filters, tasks, callback, ...rest) => {
      calls.search.push(count);
      if (calls.running > 0) calls.leastBeside = Math.min(calls.leastBeside, count);
      calls.running++;
      calls.most = Math.max(calls.most, calls.running);
      const settle: typeof callback = (error, ...answer) => {
        calls.running--;
        callback(error, ...answer);
      };
      database.search(queries, count, params, filters, tasks, settle, ...rest);
    },
    apply: (groups, callback) => {
      calls.apply++;
      database.apply(groups, callback);
    },
  };
  return { database, spy: spy as NativeDatabase, calls };
}

describe('coalescing', () => {
  const layout = { dimension: 2, metric: 'l2', spaces: undefined } as const;
  const spec = searchSpec({ k: 3 }, layout, false, false);
  const ids = (reader: { rows: (s: typeof spec) => { id: unknown }[] }, s: typeof spec) =>
    reader.rows(s).map((row) => row.id);

  test('searches of one turn go together, however deep in promise chains they are made; many as four batches', async () => {
    const { database, spy, calls } = await spied();
    const searches = new Searches(spy, layout);
    const later = async (depth: number): Promise<unknown> => {
      for (let i = 0; i < depth; i++) await null;
      return searches.one([1, 2], spec, ids);
    };
    await Promise.all(Array.from({ length: 3 }, (_, i) => later(i)));
    expect(calls.search).toEqual([3]);
    await Promise.all(Array.from({ length: 64 }, (_, i) => later(i)));
    expect(calls.search).toEqual([3, 16, 16, 16, 16]);
    expect(calls.most).toBe(4);
    database.close(() => {});
  });

  test.each([
    ['few', 7, 1],
    ['many', 50, 20],
  ])('while a batch is under way, later searches gather, and none goes alone: %s', async (_, turns, perTurn) => {
    const { database, spy, calls } = await spied();
    const searches = new Searches(spy, layout);
    const all: Promise<unknown>[] = [];
    for (let turn = 0; turn < turns; turn++) {
      for (let i = 0; i < perTurn; i++) all.push(searches.one([i, turn], spec, ids));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(all);
    expect(calls.search.reduce((sum, n) => sum + n, 0)).toBe(turns * perTurn);
    expect(calls.most).toBeLessThanOrEqual(4);
    expect(calls.leastBeside).toBeGreaterThanOrEqual(2);
    database.close(() => {});
  });

  test('more than fit one batch are all answered, each with its own result', async () => {
    const { database, spy, calls } = await spied();
    const writes = new WriteQueue(spy);
    await Promise.all(
      Array.from({ length: 900 }, (_, i) =>
        writes.submit(
          { kind: WRITE.add, count: 1 },
          (group) => group.extend(Float32Array.of(i, 0), [i]),
          () => i,
        ),
      ),
    );
    expect(calls.apply).toBe(1);
    const searches = new Searches(spy, layout);
    const answers = await Promise.all(Array.from({ length: 900 }, (_, i) => searches.one([i, 0], spec, ids)));
    for (const [i, answer] of answers.entries()) expect(answer[0]).toBe(i);
    expect(calls.search).toEqual([225, 225, 225, 225]);
    expect(calls.most).toBe(4);
    database.close(() => {});
  });

  test('errors of the addon itself reach every caller', async () => {
    const { database, spy } = await spied();
    const searches = new Searches(spy, layout);
    const writes = new WriteQueue(spy);
    await new Promise((resolve) => database.close(resolve));
    await expectCode(() => searches.one([1, 2], spec, ids), 'CLOSED');
    const write = writes.submit(
      { kind: WRITE.remove, count: 1 },
      (g) => g.extend(undefined, [1]),
      () => 1,
    );
    await expectCode(() => write, 'CLOSED');
    await searches.drained();
    await writes.drained();
  });
});
