// Property: every method works on an open and on a busy database; on a closed one it ends with CLOSED, by rejection for methods that
// return a promise; close() lets what is in flight finish.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { expectCode, random, randomFlat } from '../support/vectors.js';

type Meta = { n?: number };
const vector = Float32Array.of(1, 2, 3, 4);

const methods: [string, (db: SageDB<Meta>) => unknown][] = [
  ['add', (db) => db.add(vector, { n: 1 })],
  ['addBatch', (db) => db.addBatch([vector, vector])],
  ['upsert', (db) => db.upsert(vector, {}, { id: 'u' })],
  ['upsertBatch', (db) => db.upsertBatch([vector], undefined, { ids: ['u'] })],
  ['update', (db) => db.update(1, { metadata: { n: 5 } })],
  ['remove', (db) => db.remove(1)],
  ['remove a list', (db) => db.remove([1, 2])],
  ['removeWhere', (db) => db.removeWhere({ n: 3 })],
  ['replaceWhere', (db) => db.replaceWhere({ n: 3 }, [{ vector, metadata: { n: 3 } }])],
  ['get', (db) => db.get(1)],
  ['getMany', (db) => db.getMany([1, 2])],
  ['has', (db) => db.has(1)],
  ['count', (db) => db.count({ n: 1 })],
  ['find', (db) => db.find({ n: 1 })],
  ['findByMetadata', (db) => db.findByMetadata('n', 1)],
  ['iterate', (db) => db.iterate({ n: 1 }).next()],
  ['search', (db) => db.search(vector)],
  ['search by example', (db) => db.search({ id: 1 })],
  ['searchRaw', (db) => db.searchRaw(vector)],
  ['batchSearch', (db) => db.batchSearch([vector, vector])],
  ['batchSearchRaw', (db) => db.batchSearchRaw([vector])],
  ['findDuplicates', (db) => db.findDuplicates({ radius: 0 })],
  ['buildIndex', (db) => db.buildIndex()],
  ['optimize', (db) => db.optimize()],
  ['flush', (db) => db.flush()],
  ['refresh', (db) => db.refresh()],
  [
    'export',
    async (db) => {
      const folder = mkdtempSync(join(tmpdir(), 'sagedb-'));
      await db.export(folder).finally(() => rmSync(folder, { recursive: true }));
    },
  ],
  ['import', (db) => db.import([{ vector, metadata: { n: 7 } }])],
  ['verify', (db) => db.verify()],
];
const immediate: [string, (db: SageDB<Meta>) => unknown][] = [
  ['searchSync', (db) => db.searchSync(vector)],
  ['batchSearchSync', (db) => db.batchSearchSync([vector])],
  ['stats', (db) => db.stats()],
  ['size', (db) => db.size],
  ['indexVersion', (db) => db.indexVersion],
];

test('the lists above name every public method', () => {
  const names = new Set([...methods, ...immediate].map(([name]) => name.split(' ')[0]));
  for (const other of ['constructor', 'dimension', 'metric', 'spaces', 'handle', 'close', 'snapshot']) names.add(other);
  expect(new Set(Object.getOwnPropertyNames(SageDB.prototype))).toEqual(names);
});

let db: SageDB<Meta>;
beforeEach(async () => {
  db = await SageDB.open<Meta>({ dimension: 4, metric: 'l2', rebuildThreshold: 100 });
  await db.addBatch([vector, vector, vector], [{ n: 1 }, { n: 2 }, { n: 3 }], { ids: [1, 2, 3] });
});
afterEach(() => db.close());

describe('open', () => {
  test.each([...methods, ...immediate])('%s', async (_, call) => {
    await call(db);
  });
});

describe('busy with a bulk load, a build, writes and searches', () => {
  test.each([...methods, ...immediate])('%s', async (_, call) => {
    const data = randomFlat(random(1), 5000, 4);
    const work = [
      db.addBatch(data),
      db.buildIndex(),
      ...Array.from({ length: 50 }, (_u, i) => db.add(vector, { n: i })),
      ...Array.from({ length: 50 }, () => db.search(vector, { k: 100 })),
    ];
    await call(db);
    await Promise.all<unknown>(work);
    expect(db.size).toBeGreaterThanOrEqual(5050);
  });
});

describe('closed', () => {
  test.each(methods)('%s', async (_, call) => {
    await db.close();
    const promise = call(db); // must not throw here
    expect(promise).toBeInstanceOf(Promise);
    await expectCode(() => promise, 'CLOSED');
  });

  test.each(immediate)('%s', async (_, call) => {
    await db.close();
    await expectCode(() => call(db), 'CLOSED');
  });

  test('bad arguments do not hide that it is closed, and what never changes stays readable', async () => {
    const { handle } = db;
    await db.close();
    await expectCode(() => db.search([], { k: 0 }), 'CLOSED');
    expect([db.dimension, db.metric, db.spaces, db.handle]).toEqual([4, 'l2', {}, handle]);
    await expectCode(() => SageDB.attach(handle), 'NOT_FOUND');
  });
});

describe('close', () => {
  test('is idempotent and gives the same promise', async () => {
    const first = db.close();
    expect(db.close()).toBe(first);
    await first;
    expect(db.close()).toBe(first);
  });

  test('lets writes, reads and searches in flight finish', async () => {
    const data = randomFlat(random(2), 200_000, 4); // more than is copied at once
    const work = Promise.all([
      db.addBatch(data),
      db.add(vector, { n: 7 }, { id: 'last' }),
      db.search(vector),
      db.batchSearch(randomFlat(random(3), 3000, 4)),
      db.get(1),
      db.find({}),
      db.flush(),
    ]);
    const closed = db.close();
    await expectCode(() => db.add(vector), 'CLOSED');
    const [ids, last, hits, batch, item] = await work;
    expect([ids.length, last, hits.length, batch.length, item?.id]).toEqual([200_000, 'last', 3, 3000, 1]);
    await closed;
  });

  test('aborts a build', async () => {
    await db.addBatch(randomFlat(random(4), 30_000, 4));
    const build = db.optimize();
    const closed = db.close();
    const outcome = await build.then(
      () => 'done',
      (error) => error.code,
    );
    expect(['ABORTED', 'done']).toContain(outcome);
    await closed;
  });

  test('from inside a getter of the input: nothing is written, nothing crashes', async () => {
    const trap = {
      get n(): number {
        void db.close();
        return 1;
      },
    };
    await expectCode(() => db.add(vector, trap), 'CLOSED');
    const other = await SageDB.open<Meta>({ dimension: 4 });
    const query = Object.defineProperty([1, 2, 3, 4], 2, {
      get: () => {
        void other.close();
        return 3;
      },
    });
    await expectCode(() => other.search(query), 'CLOSED');
  });

  test('await using closes', async () => {
    let kept: SageDB;
    {
      await using scoped = await SageDB.open({ dimension: 2 });
      kept = scoped;
      await scoped.add([1, 2]);
    }
    await expectCode(() => kept.search([1, 2]), 'CLOSED');
  });
});
