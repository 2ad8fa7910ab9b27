// Property: bad input gets a SageDBError with the right code and a message that names the field, and changes nothing.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SageDB, type SageDBErrorCode } from '../../lib/index.js';
import { expectCode } from '../support/vectors.js';

// biome-ignore lint/suspicious/noExplicitAny: what JavaScript callers may pass
type Any = any;

let db: SageDB;
let before: unknown;
const good = [1, 2, 3];

async function state(): Promise<unknown> {
  const { size, sequence, totalAdds, totalUpdates, totalRemoves } = db.stats();
  return {
    size,
    sequence,
    totalAdds,
    totalUpdates,
    totalRemoves,
    items: await db.find({}, { includeVector: true }),
    hits: await db.search(good),
  };
}

beforeEach(async () => {
  db = await SageDB.open({ dimension: 3, metric: 'cosine' });
  await db.addBatch([good, [4, 5, 6]], [{ n: 1 }, { n: 2 }], { ids: [1, 'two'] });
  before = await state();
});
afterEach(async () => {
  expect(await state()).toEqual(before);
  await db.close();
});

const sparse: number[] = [1, 2, 3];
delete sparse[1];
const throwing = (message: string) => ({
  get trap(): number {
    throw new Error(message);
  },
});

const badVectors: [string, Any, SageDBErrorCode, RegExp][] = [
  ['too short', [1, 2], 'DIMENSION_MISMATCH', /expected 3 components, got 2/],
  ['too long', new Float32Array(4), 'DIMENSION_MISMATCH', /expected 3 components, got 4/],
  ['empty', [], 'DIMENSION_MISMATCH', /got 0/],
  ['NaN', [1, Number.NaN, 3], 'INVALID_VECTOR', /component 1: .*NaN/],
  ['Infinity in a typed array', Float32Array.of(1, 2, -Infinity), 'INVALID_VECTOR', /component 2: .*-Infinity/],
  ['beyond 32-bit floats', Float64Array.of(1e300, 2, 3), 'INVALID_VECTOR', /component 0/],
  ['zero under cosine', [0, 0, 0], 'INVALID_VECTOR', /zero vector/],
  ['a string component', [1, '2', 3], 'INVALID_VECTOR', /component 1: expected a finite number, got "2"/],
  ['a hole', sparse, 'INVALID_VECTOR', /component 1: .*undefined/],
  ['a bigint', [1, 2n, 3], 'INVALID_VECTOR', /component 1: .*2n/],
  ['null', null, 'INVALID_VECTOR', /got null/],
  ['undefined', undefined, 'INVALID_VECTOR', /got undefined/],
  ['an object', { length: 3, 0: 1, 1: 2, 2: 3 }, 'INVALID_VECTOR', /got an object/],
  ['integers', Int32Array.of(1, 2, 3), 'INVALID_VECTOR', /a Int32Array/],
  ['bytes', Buffer.alloc(12), 'INVALID_VECTOR', /a Buffer/],
  ['a string', '1,2,3', 'INVALID_VECTOR', /"1,2,3"/],
];

describe.each(badVectors)('vector: %s', (_, vector, code, message) => {
  test.each<[string, () => unknown]>([
    ['add', () => db.add(vector)],
    ['upsert', () => db.upsert(vector, undefined, { id: 1 })],
    ['search', () => db.search(vector)],
    ['searchRaw', () => db.searchRaw(vector)],
    ['searchSync', () => db.searchSync(vector)],
  ])('%s', (_name, work) => expectCode(work, code, message));

  test.each<[string, () => unknown]>([
    ['addBatch', () => db.addBatch([good, vector])],
    ['upsertBatch', () => db.upsertBatch([good, vector], undefined, { ids: [1, 2] })],
    ['batchSearch', () => db.batchSearch([good, vector])],
    ['batchSearchRaw', () => db.batchSearchRaw([good, vector])],
    ['batchSearchSync', () => db.batchSearchSync([good, vector])],
  ])('%s names the position', (_name, work) => expectCode(work, code, /(vectors|queries)\[1\]/));

  test('update', async () => {
    if (vector === undefined) return;
    await expectCode(() => db.update(1, { vector, metadata: { n: 9 } }), code, message);
  });
});

test.each<[string, Any, SageDBErrorCode]>([
  ['no list', 5, 'INVALID_VECTOR'],
  ['null', null, 'INVALID_VECTOR'],
  ['a flat number[]', [1, 2, 3], 'INVALID_VECTOR'],
  ['a flat array that is no multiple', new Float32Array(7).fill(1), 'DIMENSION_MISMATCH'],
  ['a flat array with NaN', Float32Array.of(1, 2, 3, 4, Number.NaN, 6), 'INVALID_VECTOR'],
  ['a flat array with a zero row', Float64Array.of(1, 2, 3, 0, 0, 0), 'INVALID_VECTOR'],
])('vectors: %s', async (_, vectors, code) => {
  await expectCode(() => db.addBatch(vectors), code, /^vectors/);
  await expectCode(() => db.batchSearch(vectors), code, /^queries/);
});

test.each<[string, Any]>([
  ['undefined in update and get', undefined],
  ['null', null],
  ['a fraction', 1.5],
  ['beyond safe integers', 2 ** 53],
  ['NaN', Number.NaN],
  ['Infinity', Infinity],
  ['a bigint', 1n],
  ['an object', {}],
  ['a boolean', true],
  ['a huge string', 'x'.repeat(100_000)],
])('id: %s', async (_, id) => {
  const work: [() => unknown, RegExp][] = [
    [() => db.update(id, { metadata: {} }), /^id/],
    [() => db.remove(id), /^id/],
    [() => db.remove([1, id]), /^ids\[1\]/],
    [() => db.get(id), /^id/],
    [() => db.getMany(['two', id]), /^ids\[1\]/],
    [() => db.has(id), /^id/],
    [() => db.addBatch([good, good], undefined, { ids: [7, id] }), /^options\.ids\[1\]/],
  ];
  if (id !== undefined) work.push([() => db.add(good, undefined, { id }), /^id/]);
  for (const [call, message] of work) await expectCode(call, 'INVALID_ID', message);
});

const deep = (levels: number): object => {
  let value: object = {};
  for (let i = 1; i < levels; i++) value = { a: value };
  return value;
};
const cyclic: Record<string, unknown> = { a: { b: [] } };
(cyclic.a as { b: unknown[] }).b.push(cyclic);
const proxy = Proxy.revocable({}, {});
proxy.revoke();

const badMetadata: [string, Any, RegExp][] = [
  ['null', null, /expected a plain object, got null/],
  ['an array', [1], /expected a plain object/],
  ['a string', 'x', /expected a plain object/],
  ['NaN', { a: { b: Number.NaN } }, /\.a\.b: expected a finite number, got NaN/],
  ['Infinity in an array', { a: [1, Infinity] }, /\.a\[1\]: .*Infinity/],
  ['undefined in an array', { a: [undefined] }, /\.a\[0\]: .*undefined/],
  ['a bigint', { a: 1n }, /\.a: .*1n/],
  ['a function', { a: () => 1 }, /\.a: .*a function/],
  ['a symbol', { a: Symbol('x') }, /\.a: .*a symbol/],
  ['a Date', { at: new Date(0) }, /\.at: .*a Date.*toISOString/],
  ['a Map', { a: new Map() }, /a Map/],
  ['a typed array', { a: new Uint8Array(2) }, /a Uint8Array/],
  ['a class instance', new (class Person {})(), /a Person/],
  ['an object with a prototype of data', { __proto__: { a: 1 }, b: 2 }, /expected plain JSON data/],
  ['65 levels', deep(65), /nested deeper than 64 levels/],
  ['a cycle', cyclic, /\.a\.b\[0\]: contains itself/],
  ['too large', { a: 'x'.repeat(17 << 20) }, /at most 16777216 characters/],
  ['too large in sum', { a: Array.from({ length: 40 }, () => 'x'.repeat(1 << 19)) }, /at most/],
  ['a huge sparse array', { a: new Array(2 ** 31) }, /at most/],
  ['a throwing getter', { outer: throwing('trap sprung') }, /\.outer\.trap: reading it failed: trap sprung/],
  ['a revoked proxy', { p: proxy.proxy }, /reading it failed|expected plain/],
];

test.each(badMetadata)('metadata: %s', async (_, metadata, message) => {
  await expectCode(() => db.add(good, metadata), 'INVALID_METADATA', message);
  await expectCode(() => db.upsert(good, metadata, { id: 1 }), 'INVALID_METADATA', message);
  await expectCode(() => db.update(1, { vector: good, metadata }), 'INVALID_METADATA', message);
  await expectCode(() => db.addBatch([good, good], [{}, metadata]), 'INVALID_METADATA', /^metadata\[1\]/);
});

test('a throwing getter is wrapped with its cause', async () => {
  const cause = new RangeError('mine');
  const trap = {
    get a(): number {
      throw cause;
    },
  };
  await expect(db.add(good, trap)).rejects.toMatchObject({ code: 'INVALID_METADATA', cause });
  const vector = Object.defineProperty([1, 2, 3], 1, { get: () => trap.a });
  await expect(db.add(vector)).rejects.toMatchObject({ code: 'INVALID_VECTOR', cause });
  await expect(db.search(vector)).rejects.toMatchObject({ code: 'INVALID_VECTOR', cause });
  await expect(db.addBatch([good, vector])).rejects.toMatchObject({ code: 'INVALID_VECTOR', cause });
  const options = Object.defineProperty({}, 'k', { get: () => trap.a, enumerable: true });
  await expect(db.search(good, options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', cause });
});

test('lengths of a batch must match', async () => {
  await expectCode(() => db.addBatch([good], []), 'INVALID_ARGUMENT', /^metadata: expected 1 entries.*got 0/);
  await expectCode(() => db.addBatch([good], [{}, {}]), 'INVALID_ARGUMENT', /got 2/);
  await expectCode(() => db.addBatch([good], undefined, { ids: [5, 6] }), 'INVALID_ARGUMENT', /^options\.ids/);
  await expectCode(() => db.addBatch([good], {} as Any), 'INVALID_ARGUMENT', /^metadata: expected an array/);
  await expectCode(() => db.addBatch([], [{}]), 'INVALID_ARGUMENT', /expected 0 entries/);
});

const badSearchOptions: [Any, RegExp][] = [
  [null, /^options: expected an object, got null/],
  [5, /^options: expected an object, got 5/],
  [{ k: 0 }, /^options\.k: expected an integer from 1 to 1000000, got 0/],
  [{ k: -1 }, /^options\.k/],
  [{ k: 1.5 }, /^options\.k.*1\.5/],
  [{ k: Number.NaN }, /^options\.k.*NaN/],
  [{ k: '10' }, /^options\.k.*"10"/],
  [{ k: 1_000_001 }, /^options\.k/],
  [{ ef: 0 }, /^options\.ef/],
  [{ ef: 10.5 }, /^options\.ef/],
  [{ recall: 0 }, /^options\.recall/],
  [{ recall: 1 }, /^options\.recall/],
  [{ recall: 0.9, ef: 100 }, /expected ef or recall, got both/],
  [{ radius: Number.NaN }, /^options\.radius/],
  [{ radius: '1' }, /^options\.radius/],
  [{ exact: 1 }, /^options\.exact: expected a boolean, got 1/],
  [{ includeMetadata: 'yes' }, /^options\.includeMetadata/],
  [{ includeVector: 0 }, /^options\.includeVector/],
  [{ K: 5 }, /^options\.K: no such option; known are: k,/],
];

test.each(badSearchOptions)('search options: %j', async (options, message) => {
  await expectCode(() => db.search(good, options), 'INVALID_ARGUMENT', message);
  await expectCode(() => db.searchRaw(good, options), 'INVALID_ARGUMENT', message);
  await expectCode(() => db.searchSync(good, options), 'INVALID_ARGUMENT', message);
  await expectCode(() => db.batchSearch([good], options), 'INVALID_ARGUMENT', message);
  await expectCode(() => db.batchSearchRaw([good], options), 'INVALID_ARGUMENT', message);
  await expectCode(() => db.batchSearchSync([good], options), 'INVALID_ARGUMENT', message);
});

test('other options', async () => {
  const cases: [() => unknown, RegExp][] = [
    [() => db.search(good, { signal: {} as Any }), /^options\.signal: expected an AbortSignal/],
    [() => db.searchSync(good, { signal: new AbortController().signal } as Any), /^options\.signal: no such option/],
    [() => db.add(good, {}, 5 as Any), /^options: expected an object/],
    [() => db.add(good, {}, { ID: 5 } as Any), /^options\.ID: no such option/],
    [() => db.addBatch([good], undefined, { onProgress: 5 as Any }), /^options\.onProgress: expected a function/],
    [() => db.buildIndex({ signal: 5 as Any }), /^options\.signal/],
    [() => db.optimize({ onProgress: {} as Any }), /^options\.onProgress/],
    [() => db.get(1, { includeVector: 1 as Any }), /^options\.includeVector/],
    [() => db.find({}, { limit: -1 }), /^options\.limit/],
    [() => db.find({}, { offset: 0.5 }), /^options\.offset/],
    [() => db.find(undefined as Any), /^filter: expected an object/],
    [() => db.removeWhere(undefined as Any), /^filter: expected an object/],
    [() => db.removeWhere('n = 1' as Any), /^filter/],
    [() => db.update(1, {}), /^patch: expected a vector, metadata or both/],
    [() => db.update(1, undefined as Any), /^patch/],
    [() => db.update(1, { vectr: good } as Any), /^patch\.vectr: no such option/],
    [() => db.getMany(5 as Any), /^ids: expected an array/],
  ];
  for (const [work, message] of cases) await expectCode(work, 'INVALID_ARGUMENT', message);
});

test('filters', async () => {
  for (const filter of [{ n: { $nope: 1 } }, { $or: 5 }] as Any[]) {
    await expectCode(() => db.search(good, { filter }), 'INVALID_FILTER');
    await expectCode(() => db.searchSync(good, { filter }), 'INVALID_FILTER');
    await expectCode(() => db.batchSearch([good], { filter }), 'INVALID_FILTER');
    await expectCode(() => db.find(filter), 'INVALID_FILTER');
    await expectCode(() => db.count(filter), 'INVALID_FILTER');
    await expectCode(() => db.removeWhere(filter), 'INVALID_FILTER');
  }
});

test('a bad filter, vector or abort in a coalesced batch fails alone', async () => {
  const controller = new AbortController();
  const results = await Promise.allSettled([
    db.search(good, { k: 1 }),
    db.search(good, { filter: { n: { $nope: 1 } } as Any }),
    db.search([Number.NaN, 0, 0]),
    db.search(good, { signal: controller.signal }),
    db.search([4, 5, 6], { k: 1 }),
    Promise.resolve().then(() => controller.abort()),
  ]);
  expect(results.map((r) => (r.status === 'fulfilled' ? 'ok' : r.reason.code))).toEqual([
    'ok',
    'INVALID_FILTER',
    'INVALID_VECTOR',
    'ABORTED',
    'ok',
    'ok',
  ]);
  expect((results[0] as PromiseFulfilledResult<Any>).value[0].id).toBe(1);
  expect((results[4] as PromiseFulfilledResult<Any>).value[0].id).toBe('two');
});

test.each<[Any, RegExp]>([
  [undefined, /^options\.dimension/],
  [null, /^options: expected an object/],
  [{}, /^options\.dimension.*undefined/],
  [{ dimension: 0 }, /^options\.dimension/],
  [{ dimension: 65_537 }, /^options\.dimension/],
  [{ dimension: '3' }, /^options\.dimension/],
  [{ dimension: 3, metric: 'L2' }, /^options\.metric: expected 'l2', 'cosine', 'ip', got "L2"/],
  [{ dimension: 3, vectors: 'int8' }, /^options\.vectors/],
  [{ dimension: 3, index: 'hnsw' }, /^options\.index/],
  [{ dimension: 3, index: { type: 'ivf' } }, /^options\.index\.type/],
  [{ dimension: 3, index: { M: 1 } }, /^options\.index\.M/],
  [{ dimension: 3, index: { efConstruction: 1e9 } }, /^options\.index\.efConstruction/],
  [{ dimension: 3, index: { quantization: 'pq' } }, /^options\.index\.quantization/],
  [{ dimension: 3, index: { m: 16 } }, /^options\.index\.m: no such option/],
  [{ dimension: 3, rebuildThreshold: 0 }, /^options\.rebuildThreshold/],
  [{ dimension: 3, threads: -1 }, /^options\.threads/],
  [{ dimensions: 3 }, /^options\.dimensions: no such option/],
])('open: %j', (options, message) => expectCode(() => SageDB.open(options), 'INVALID_ARGUMENT', message));

test('attach to what is not open', async () => {
  await expectCode(() => SageDB.attach('nope'), 'NOT_FOUND', /'nope'/);
  await expectCode(() => SageDB.attach(5 as Any), 'INVALID_ARGUMENT', /^handle/);
  await expectCode(() => new (SageDB as Any)(), 'INVALID_ARGUMENT', /SageDB\.open/);
});

test('a vector that is longer than a float is no item under cosine, and a query like any other', async () => {
  await using db = await SageDB.open({ dimension: 3, metric: 'cosine' });
  const long = [3e38, 3e38, 3e38];
  await expectCode(() => db.add(long), 'INVALID_VECTOR');
  await expectCode(() => db.addBatch([[1, 2, 3], long]), 'INVALID_VECTOR');
  expect(db.size).toBe(0);
  const id = await db.add([1.9e38, 1.9e38, 1.9e38]);
  const { vector } = (await db.get(id, { includeVector: true })) as { vector: Float32Array };
  for (const component of vector) expect(component / 1.9e38).toBeCloseTo(1, 5);
  expect((await db.search(long, { k: 1 }))[0]).toMatchObject({ id, score: expect.closeTo(1, 5) });
});
