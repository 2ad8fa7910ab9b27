// Property: a database behind a server answers like the database itself, with the same values, errors and cancellation.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { createServer, type RemoteDatabase, type SageDBServer } from '../../lib/server/index.js';

type Meta = { title: string; year?: number };

const dimension = 8;
const vector = (seed: number) => Float32Array.from({ length: dimension }, (_, i) => Math.sin(seed * 7.3 + i * 1.7));

let local: SageDB<Meta>;
let server: SageDBServer;
let remote: RemoteDatabase<Meta>;

beforeAll(async () => {
  local = await SageDB.open<Meta>({ dimension, metric: 'l2' });
  server = await createServer(local, { port: 0 });
  remote = await SageDB.connect<Meta>(server.url);
});

afterAll(async () => {
  await remote.close();
  await server.close();
  await local.close();
});

describe('values', () => {
  it('knows what cannot change of the database', () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect([remote.dimension, remote.metric]).toEqual([dimension, 'l2']);
  });

  it('writes and reads as the database itself does', async () => {
    expect(await remote.add(vector(1), { title: 'one' })).toBe(1);
    expect(await remote.add(Array.from(vector(2)), { title: 'two' }, { id: 'b' })).toBe('b');
    const flat = new Float32Array([...vector(3), ...vector(4)]);
    expect(await remote.addBatch(flat, [{ title: 'three', year: 3 }, undefined], { ids: ['c', 7] })).toEqual(['c', 7]);
    expect(await remote.upsertBatch([vector(5), Float64Array.from(vector(6))])).toHaveLength(2);
    expect(await remote.upsert(vector(1), { title: 'first' }, { id: 1 })).toBe(1);
    expect(await remote.addBatch([])).toEqual([]);
    expect(local.size).toBe(6);
    for (const database of [local, remote]) {
      expect(await database.get('c')).toEqual({ id: 'c', metadata: { title: 'three', year: 3 } });
      expect(await database.get('c', { includeVector: true })).toEqual({
        id: 'c',
        metadata: { title: 'three', year: 3 },
        vector: vector(3),
      });
      expect(await database.get('none')).toBeUndefined();
      expect(await database.getMany(['none', 7])).toEqual([undefined, { id: 7, metadata: {} }]);
      expect(await database.has('b')).toBe(true);
      expect(await database.count()).toBe(6);
    }
    expect(await remote.update('b', { metadata: { title: 'two again' } })).toBe(true);
    expect(await remote.update('b', { vector: vector(9) })).toBe(true);
    expect(await remote.update('none', { vector: vector(9) })).toBe(false);
    expect(await local.get('b', { includeVector: true })).toMatchObject({
      metadata: { title: 'two again' },
      vector: vector(9),
    });
    expect(await remote.remove('b')).toBe(true);
    expect(await remote.remove('b')).toBe(false);
    expect(await remote.remove(['c', 'none'])).toBe(1);
    expect((await remote.stats()).size).toBe(local.size);
    await remote.buildIndex();
    await remote.optimize();
    await remote.flush();
  });

  it('searches as the database itself does', async () => {
    const query = vector(2.5);
    for (const options of [
      {},
      { k: 2 },
      { k: 3, includeVector: true },
      { includeMetadata: false },
      { radius: 2 },
    ] as const) {
      const expected = await local.search(query, options);
      expect(expected.length).toBeGreaterThan(0);
      expect(await remote.search(query, options)).toEqual(expected);
      expect(await remote.batchSearch([query, vector(1)], options)).toEqual(
        await local.batchSearch([query, vector(1)], options),
      );
    }
    expect(await remote.batchSearch([])).toEqual([]);
  });

  it('finds as the database itself does', async () => {
    await remote.addBatch(
      [vector(20), vector(21)],
      [
        { title: 'z', year: 1 },
        { title: 'y', year: 2 },
      ],
    );
    const filter = { year: { $lte: 2 } };
    for (const options of [
      {},
      { orderBy: 'title' },
      { orderBy: { year: 'desc' } },
      { select: ['year'], limit: 1 },
      { offset: 1 },
    ] as const) {
      const expected = await local.find(filter, options);
      expect(expected.length).toBeGreaterThan(0);
      expect(await remote.find(filter, options)).toEqual(expected);
    }
    expect(await remote.count(filter)).toBe(2);
    const rows = [1, 2, 3].map((year) => ({
      vector: vector(year),
      metadata: { title: 'new', year },
      id: `new${year}`,
    }));
    expect(await remote.replaceWhere(filter, rows)).toEqual({ ids: ['new1', 'new2', 'new3'], removed: 2 });
    expect(await remote.replaceWhere({ year: 3 }, [])).toEqual({ ids: [], removed: 1 });

    expect(await remote.findByMetadata('title', 'new')).toEqual(await local.find({ title: { $startsWith: 'ne' } }));
    expect(await remote.removeWhere(filter)).toBe(2);
    expect(await local.count(filter)).toBe(0);
  });

  it('metadata keeps its __proto__ key as plain data', async () => {
    const metadata = JSON.parse('{"title":"x","__proto__":{"polluted":true},"vector":[1]}') as Meta;
    const id = await remote.add(vector(11), metadata);
    const item = await remote.get(id, { includeVector: true });
    expect(JSON.stringify(item?.metadata)).toBe(JSON.stringify(metadata));
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

describe('errors', () => {
  it.each([
    ['DIMENSION_MISMATCH', () => remote.search([1, 2])],
    ['DIMENSION_MISMATCH', () => remote.addBatch(new Float32Array(9))],
    ['INVALID_VECTOR', () => remote.add(new Float32Array(dimension).fill(Number.NaN))],
    ['INVALID_VECTOR', () => remote.add(Array<string>(dimension).fill('1') as never)],
    ['INVALID_ID', () => remote.get(0.5)],
    ['INVALID_METADATA', () => remote.add(vector(1), { title: 1n } as never)],
    ['INVALID_ARGUMENT', () => remote.search(vector(1), { k: 0 })],
    ['INVALID_ARGUMENT', () => remote.search(vector(1), { radius: Number.NaN })],
    ['INVALID_ARGUMENT', () => remote.search(vector(1), { kk: 5 } as never)],
    ['INVALID_ARGUMENT', () => remote.search(vector(1), { rerank: () => 0 } as never)],
    [
      'DUPLICATE_ID',
      () =>
        remote.replaceWhere(
          {},
          [1, 1].map((id) => ({ vector: vector(1), id })),
        ),
    ],
    ['DUPLICATE_ID', () => remote.addBatch([vector(1), vector(2)], undefined, { ids: ['same', 'same'] })],
  ])('%s arrives as it is', async (code, call) => {
    const size = local.size;
    await expect(call()).rejects.toMatchObject({ name: 'SageDBError', code });
    expect(local.size).toBe(size);
  });

  it('rejects what is no URL, no server and no SageDB', async () => {
    await expect(SageDB.connect('nonsense')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(SageDB.connect('http://127.0.0.1:1')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('a signal takes a call back', async () => {
    const aborted = remote.search(vector(1), { signal: AbortSignal.abort('enough') });
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    const controller = new AbortController();
    const search = remote.search(vector(1), { signal: controller.signal });
    controller.abort();
    await expect(search).rejects.toMatchObject({ code: 'ABORTED' });
  });

  it('a closed connection refuses calls and leaves the database open', async () => {
    const other = await SageDB.connect<Meta>(server.url);
    await other.close();
    await expect(other.count()).rejects.toMatchObject({ code: 'CLOSED' });
    expect(await remote.count()).toBe(local.size);
  });
});
