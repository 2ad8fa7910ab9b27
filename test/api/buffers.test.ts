// Property: memory that the caller detaches, resizes, shares or lies about is read safely or refused, never crashed on.
import { createContext, runInContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { expectCode } from '../support/vectors.js';

let db: SageDB;
beforeEach(async () => {
  db = await SageDB.open({ dimension: 4, metric: 'l2' });
  await db.add([1, 2, 3, 4], undefined, { id: 1 });
});
afterEach(() => db.close());

// Node 20 knows resizable buffers, its type definitions do not.
type Resizable = new (
  length: number,
  options: { maxByteLength: number },
) => ArrayBuffer & { resize(length: number): void };
const resizable = () => new Float32Array(new (ArrayBuffer as unknown as Resizable)(16, { maxByteLength: 64 })).fill(1);
const detached = (type: typeof Float32Array | typeof Float64Array = Float32Array) => {
  const array = new type(4).fill(1);
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  return array;
};

describe.each<[string, () => Float32Array | Float64Array, RegExp]>([
  ['detached', () => detached(), /detached/],
  ['detached doubles', () => detached(Float64Array), /detached/],
  ['resizable', resizable, /resizable/],
])('%s', (_, make, message) => {
  test.each<[string, (array: Float32Array | Float64Array) => unknown]>([
    ['add', (array) => db.add(array)],
    ['update', (array) => db.update(1, { vector: array })],
    ['addBatch, flat', (array) => db.addBatch(array)],
    ['addBatch, list', (array) => db.addBatch([[1, 2, 3, 4], array])],
    ['search', (array) => db.search(array)],
    ['searchSync', (array) => db.searchSync(array)],
    ['batchSearch, flat', (array) => db.batchSearch(array)],
    ['batchSearch, list', (array) => db.batchSearch([array])],
  ])('%s', (_name, work) => expectCode(() => work(make()), 'INVALID_VECTOR', message));
});

test('detached, resized or overwritten after the call: the answer is for what was passed', async () => {
  const query = Float32Array.of(1, 2, 3, 4);
  const search = db.search(query);
  const add = db.add(query, undefined, { id: 2 });
  const batch = db.batchSearch(query);
  structuredClone(query.buffer, { transfer: [query.buffer] });
  expect((await search)[0]?.score).toBe(0);
  await add;
  expect((await batch)[0]?.[0]?.score).toBe(0);
  expect((await db.get(2, { includeVector: true }))?.vector).toEqual(Float32Array.of(1, 2, 3, 4));
});

test('a getter that detaches another argument', async () => {
  const vector = Float32Array.of(1, 2, 3, 4);
  const metadata = {
    get trap(): number {
      structuredClone(vector.buffer, { transfer: [vector.buffer] });
      return 1;
    },
  };
  // Copied before metadata is read, or refused: never read after it is gone.
  const outcome = await db.add(vector, metadata, { id: 9 }).catch((error) => error.code);
  expect([9, 'INVALID_VECTOR', 'DIMENSION_MISMATCH']).toContain(outcome);
  if (outcome === 9) expect((await db.get(9, { includeVector: true }))?.vector).toEqual(Float32Array.of(1, 2, 3, 4));
  else expect(await db.has(9)).toBe(false);

  const flat = new Float32Array(8).fill(1);
  const trap = {
    get x(): number {
      structuredClone(flat.buffer, { transfer: [flat.buffer] });
      return 1;
    },
  };
  await expectCode(() => db.addBatch(flat, [{}, trap]), 'INVALID_VECTOR', /detached/);
  expect(db.size).toBe(outcome === 9 ? 2 : 1);
});

test('a getter that searches while a query is read', async () => {
  const nested: Promise<unknown>[] = [];
  const query = Object.defineProperty([1, 2, 3, 4], 0, {
    get: () => {
      nested.push(db.search([9, 9, 9, 9], { k: 1 }));
      return 1;
    },
  });
  const [hit] = await db.search(query, { k: 1 });
  expect(hit?.score).toBe(0);
  expect(await nested[0]).toMatchObject([{ score: Math.fround(Math.sqrt(64 + 49 + 36 + 25)) }]);
});

test('arrays of another realm', async () => {
  const realm = createContext({});
  const run = (code: string) => runInContext(code, realm);
  expect((await db.search(run('new Float32Array([1, 2, 3, 4])'), { k: 1 }))[0]?.score).toBe(0);
  expect((await db.search(run('[1, 2, 3, 4]'), { k: 1 }))[0]?.score).toBe(0);
  const id = await db.add(run('new Float64Array([4, 3, 2, 1])'), run('({ a: { b: [1, "x", null] } })'));
  expect(await db.get(id)).toEqual({ id, metadata: { a: { b: [1, 'x', null] } } });
  expect(await db.addBatch(run('[new Float32Array(4), [0, 0, 0, 1]]'))).toHaveLength(2);
  expect(db.searchSync(run('new Float32Array([1, 2, 3, 4])'), { k: 1 })[0]?.score).toBe(0);
});

test('subclasses and own properties that lie about the length', async () => {
  class Liar extends Float32Array {
    override get length(): number {
      return 4;
    }
  }
  await expectCode(() => db.search(new Liar(2)), 'DIMENSION_MISMATCH', /got 2/);
  await expectCode(() => db.addBatch(new Liar(6)), 'DIMENSION_MISMATCH', /got 6/);
  const honest = Float32Array.of(1, 2, 3, 4);
  Object.defineProperty(honest, 'length', { value: 1e9 });
  Object.defineProperty(honest, 'buffer', { value: new ArrayBuffer(2) });
  expect((await db.search(honest, { k: 1 }))[0]?.score).toBe(0);
  const proxy = new Proxy([1, 2, 3, 4], { get: (target, key) => (key === 'length' ? 1e6 : Reflect.get(target, key)) });
  await expectCode(() => db.search(proxy), 'DIMENSION_MISMATCH');
});

test('shared memory is copied', async () => {
  const shared = new Float32Array(new SharedArrayBuffer(16));
  shared.set([1, 2, 3, 4]);
  const search = db.search(shared, { k: 1 });
  const id = db.add(shared);
  shared.fill(0);
  expect((await search)[0]?.score).toBe(0);
  expect((await db.get(await id, { includeVector: true }))?.vector).toEqual(Float32Array.of(1, 2, 3, 4));
});
