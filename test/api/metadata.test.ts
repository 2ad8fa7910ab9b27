// Property: plain JSON data comes back as it went in, value by value; the text is made in one reading.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { stringifyMetadata } from '../../lib/metadata.js';

// biome-ignore lint/suspicious/noExplicitAny: metadata of every shape
let db: SageDB<any>;
beforeEach(async () => {
  db = await SageDB.open({ dimension: 1, metric: 'l2' });
});
afterEach(() => db.close());

const deep = (levels: number): object => {
  let value: object = {};
  for (let i = 1; i < levels; i++) value = i % 2 ? [value] : { a: value };
  return { top: value };
};

const samples: [string, object][] = [
  ['empty', {}],
  ['scalars', { s: 'x', n: 1.5, z: 0, neg: -3e-300, max: Number.MAX_VALUE, t: true, f: false, nil: null }],
  ['nested', { a: [1, [2, { b: [] }], {}], o: { '': { ' ': 1 } } }],
  ['64 levels', deep(63)],
  ['text', { s: 'é ü 漢字 🙂 \u2028 " \\ \n \0 \u007f', 'kéy "quoted"': 1 }],
  ['lone surrogates', { s: '\ud800', '\udc00': 'x\udfff' }],
  ['keys like numbers', { 1: 'a', 0: 'b', '-1': 'c', '01': 'd' }],
  ['names of Object.prototype', { constructor: 1, toString: 'x', hasOwnProperty: null, valueOf: {} }],
  ['a long text', { s: 'lorem ipsum '.repeat(50_000) }],
  ['many keys', Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`key ${i}`, i]))],
];

test.each(samples)('%s', async (_, metadata) => {
  const id = await db.add([1], metadata);
  expect((await db.get(id))?.metadata).toStrictEqual(metadata);
  expect((await db.search([1], { k: 1 }))[0]?.metadata).toStrictEqual(metadata);
  expect((await db.find({}))[0]?.metadata).toStrictEqual(metadata);
  expect(JSON.parse(stringifyMetadata(metadata))).toStrictEqual(metadata);
});

test('the text is that of JSON.stringify', () => {
  for (const [, metadata] of samples) expect(stringifyMetadata(metadata)).toBe(JSON.stringify(metadata));
});

test('the length is that of the text, to the character', () => {
  const longest = 16 * 1024 * 1024;
  const of = (more: number) => ({
    none: undefined,
    list: [1, [], {}, [2, 3], { a: 'ü', b: null }],
    pad: 'x'.repeat(more),
  });
  const pad = longest - JSON.stringify(of(0)).length;
  expect(stringifyMetadata(of(pad))).toHaveLength(longest);
  expect(() => stringifyMetadata(of(pad + 1))).toThrow(/at most 16777216 characters/);
});

test('undefined properties are left out; null stays', async () => {
  const id = await db.add([1], { a: undefined, b: null, c: { d: undefined } });
  expect((await db.get(id))?.metadata).toStrictEqual({ b: null, c: {} });
});

test('objects without a prototype are data; toJSON is not called; a throwing one is no trap', async () => {
  const bare = Object.assign(Object.create(null), { a: 1 });
  const id = await db.add([1], bare);
  expect((await db.get(id))?.metadata).toStrictEqual({ a: 1 });
  await expect(db.add([1], { toJSON: () => ({ b: 1 }) })).rejects.toMatchObject({ code: 'INVALID_METADATA' });
});

test('a __proto__ key is an own property and never a prototype', async () => {
  const evil = JSON.parse('{"__proto__": {"polluted": true}, "a": {"__proto__": 1}}');
  const id = await db.add([1], evil);
  for (const metadata of [
    (await db.get(id))?.metadata,
    (await db.search([1]))[0]?.metadata,
    (await db.find({}))[0]?.metadata,
  ]) {
    expect(Object.keys(metadata)).toEqual(['__proto__', 'a']);
    expect(Object.getPrototypeOf(metadata)).toBe(Object.prototype);
    expect(metadata.polluted).toBeUndefined();
    expect(Object.getOwnPropertyDescriptor(metadata, '__proto__')?.value).toEqual({ polluted: true });
    expect(JSON.stringify(metadata)).toBe(JSON.stringify(evil));
  }
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('every value is read once: what was checked is what is stored', async () => {
  let reads = 0;
  const shifty = {
    get n(): unknown {
      return reads++ === 0 ? 1 : Number.NaN;
    },
  };
  const id = await db.add([1], shifty);
  expect((await db.get(id))?.metadata).toEqual({ n: 1 });
  expect(reads).toBe(1);
});
