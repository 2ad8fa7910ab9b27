// Property: replaceWhere is removeWhere followed by addBatch in one step: whoever reads meanwhile sees the document before or after,
// never gone, half there or twice; a call that is refused changes nothing; what was acknowledged is there after a reopen.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Id, type NewItem, SageDB } from '../../lib/index.js';
import { expectCode, random, randomVector } from '../support/vectors.js';

interface Chunk {
  document: string;
  version: number;
  chunks: number;
}

const DIMENSION = 4;
const seed = Number(process.env.SAGEDB_SEED ?? Date.now() % 1e9);
const vectorOf = (next: () => number) => randomVector(next, DIMENSION);

function chunksOf(document: string, version: number, next: () => number): NewItem<Chunk>[] {
  const chunks = 1 + Math.floor(next() * 6);
  return Array.from({ length: chunks }, (_, i) => ({
    id: `${document}#${i}`,
    vector: vectorOf(next),
    metadata: { document, version, chunks },
  }));
}

/** Whether these are all chunks of one version. */
function isWhole(found: { metadata: Chunk }[]): boolean {
  const [first] = found;
  return (
    first !== undefined &&
    found.length === first.metadata.chunks &&
    found.every(({ metadata }) => metadata.version === first.metadata.version)
  );
}

test(`readers see a whole version while builds and compactions run, seed ${seed}`, async () => {
  const next = random(seed);
  await using db = await SageDB.open<Chunk>({ dimension: DIMENSION, metric: 'l2', rebuildThreshold: 20 });
  const documents = ['a', 'b', 'c'];
  for (const document of documents) await db.replaceWhere({ document }, chunksOf(document, 0, next));
  let writing = true;
  let reads = 0;
  const torn: string[] = [];
  const reader = async (document: string, kind: number) => {
    let newest = 0;
    while (writing) {
      const filter = { document };
      const found = kind === 0 ? await db.find(filter) : await db.search([0, 0, 0, 0], { k: 50, filter });
      reads++;
      if (!isWhole(found) || found[0]!.metadata.version < newest) torn.push(JSON.stringify(found));
      newest = found[0]?.metadata.version ?? newest;
      if ((await db.count(filter)) === 0) torn.push('a gap');
    }
  };
  const readers = documents.flatMap((document) => [reader(document, 0), reader(document, 1)]);
  for (let version = 1; version <= 120 || (reads <= 100 && version < 2000); version++) {
    const calls = documents.map((document) => db.replaceWhere({ document }, chunksOf(document, version, next)));
    if (version % 30 === 0) calls.push(db.optimize() as never);
    await Promise.all(calls);
    // In memory the writer would never let go of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
  }
  writing = false;
  await Promise.all(readers);
  expect(torn).toEqual([]);
  expect(reads).toBeGreaterThan(100);
});

test('gives the ids in order and how many items went; ids come back or are assigned', async () => {
  await using db = await SageDB.open<Partial<Chunk>>({ dimension: DIMENSION });
  const next = random(1);
  await db.addBatch([vectorOf(next), vectorOf(next), vectorOf(next)], [{ document: 'a' }, { document: 'a' }, {}], {
    ids: [1, 2, 'other'],
  });
  const row = (id?: Id) => ({ vector: vectorOf(next), metadata: { document: 'a' }, id });
  expect(await db.replaceWhere({ document: 'a' }, [row(2), row('new')])).toEqual({ ids: [2, 'new'], removed: 2 });
  expect(await db.has(1)).toBe(false);
  expect(await db.replaceWhere({ document: 'a' }, [row(), row(), row()])).toEqual({ ids: [3, 4, 5], removed: 2 });
  expect(await db.replaceWhere({ document: 'none' }, [row(9)])).toEqual({ ids: [9], removed: 0 });
  expect(await db.replaceWhere({ document: 'a' }, [])).toEqual({ ids: [], removed: 4 });
  expect(await db.replaceWhere({ document: 'a' }, [])).toEqual({ ids: [], removed: 0 });
  expect((await db.find({})).map((item) => item.id)).toEqual(['other']);
  expect(await db.findByMetadata('document', null)).toEqual([{ id: 'other', metadata: {} }]);
});

test('large input is copied in slices and can be taken back', async () => {
  await using db = await SageDB.open<Partial<Chunk>>({ dimension: 256, metric: 'l2' });
  await db.add(new Float32Array(256), { document: 'a' });
  const rows = Array.from({ length: 5000 }, (_, i) => ({
    vector: new Float32Array(256).fill(i),
    metadata: { document: 'a' },
  }));
  const stop = new AbortController();
  const seen: number[] = [];
  const call = db.replaceWhere({ document: 'a' }, rows, {
    signal: stop.signal,
    onProgress: ({ done }) => seen.push(done),
  });
  stop.abort();
  await expectCode(() => call, 'ABORTED');
  expect(db.size).toBe(1);
  expect((await db.replaceWhere({ document: 'a' }, rows, { onProgress: ({ done }) => seen.push(done) })).removed).toBe(
    1,
  );
  expect(seen.at(-1)).toBe(5000);
  expect(db.size).toBe(5000);
});

test('what is refused changes nothing', async () => {
  await using db = await SageDB.open<Partial<Chunk>>({ dimension: DIMENSION });
  const vector = [1, 2, 3, 4];
  await db.addBatch([vector, vector], [{ document: 'a' }, { document: 'b' }], { ids: ['a', 'b'] });
  const before = await db.find({}, { includeVector: true });
  const { sequence } = db.stats();
  const filter = { document: 'a' };
  const refused: [unknown[], Parameters<typeof expectCode>[1], RegExp][] = [
    [
      [
        filter,
        [
          { vector, id: 'x' },
          { vector, id: 'x' },
        ],
      ],
      'DUPLICATE_ID',
      /x/,
    ],
    [[filter, [{ vector, id: 'b' }]], 'DUPLICATE_ID', /"b" already exists on an item that the filter does not match/],
    [[filter, [{ vector, id: 'a' }, { vector }]], 'INVALID_ARGUMENT', /rows\[1\]\.id/],
    [[filter, [{ vector }, { vector, id: 'a' }]], 'INVALID_ARGUMENT', /rows\[1\]\.id/],
    [[filter, [{ vector: [1] }]], 'DIMENSION_MISMATCH', /./],
    [[filter, [{ vector: [0, 0, 0, 0] }]], 'INVALID_VECTOR', /zero/],
    [[filter, [{ vector: [1, 2, Number.NaN, 4] }]], 'INVALID_VECTOR', /./],
    [[filter, [{ vector, metadata: { document: 1n } }]], 'INVALID_METADATA', /./],
    [[filter, [{ vector, id: 0.5 }]], 'INVALID_ID', /rows\[0\]\.id/],
    [[filter, [{ metadata: {} }]], 'INVALID_ARGUMENT', /rows\[0\]\.vector/],
    [[filter, [{ vector, text: 'x' }]], 'INVALID_ARGUMENT', /rows\[0\]\.text: no such option/],
    [[filter, [undefined]], 'INVALID_ARGUMENT', /rows\[0\]/],
    [[filter, 'rows'], 'INVALID_ARGUMENT', /rows: expected an array/],
    [[undefined, []], 'INVALID_ARGUMENT', /filter/],
    [[{ document: { $regex: 'a' } }, []], 'INVALID_FILTER', /\$regex/],
  ];
  for (const [args, code, message] of refused) {
    await expectCode(() => (db.replaceWhere as (...a: unknown[]) => unknown).apply(db, args), code, message);
  }
  expect(await db.find({}, { includeVector: true })).toEqual(before);
  expect(db.stats().sequence).toBe(sequence);
});

test('is there after a reopen', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sagedb-'));
  try {
    const path = join(folder, 'db');
    const next = random(2);
    const db = await SageDB.open<Chunk>({ path, dimension: DIMENSION, metric: 'l2' });
    for (let version = 0; version < 5; version++) {
      for (const document of ['a', 'b']) await db.replaceWhere({ document }, chunksOf(document, version, next));
    }
    const before = await db.find({}, { includeVector: true });
    await db.close();
    await using again = await SageDB.open<Chunk>({ path });
    expect(again.stats().storage.replayed).toBeGreaterThan(0);
    expect(await again.find({}, { includeVector: true })).toEqual(before);
    expect(isWhole(await again.find({ document: 'b' }))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
