// Property: the closed set of error codes is the same in C++, in the addon and in TypeScript; errors show values without touching them.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromNative, show } from '../../lib/errors.js';
import { SAGEDB_ERROR_CODES, SageDBError } from '../../lib/index.js';
import { native } from '../../lib/native.js';

test('the codes are those of cpp/base/status.h, in the same order', () => {
  const header = readFileSync(new URL('../../cpp/base/status.h', import.meta.url), 'utf8');
  const names = [...header.matchAll(/^\s+X\((\w+)\)/gm)].map((match) => match[1]);
  expect(names.length).toBeGreaterThan(20);
  expect([...SAGEDB_ERROR_CODES]).toEqual(names);
  expect(native().errorCodes()).toEqual(names);
});

test('SageDBError has a name, a code, a cause, and is recognised across copies of the package', () => {
  const cause = new Error('why');
  const error = new SageDBError('ABORTED', 'what', { cause });
  expect(error).toMatchObject({ name: 'SageDBError', code: 'ABORTED', message: 'what', cause });
  expect(String(error)).toBe('SageDBError: what');
  expect(SageDBError.is(error)).toBe(true);
  class Copy extends Error {
    override name = 'SageDBError';
    code = 'CLOSED';
  }
  expect(SageDBError.is(new Copy())).toBe(true);
  expect(SageDBError.is(new Error('x'))).toBe(false);
  expect(SageDBError.is(undefined)).toBe(false);
});

test('an error without a known code is a bug of ours, and keeps its cause', () => {
  const strange = new TypeError('strange');
  expect(fromNative(strange)).toMatchObject({ code: 'INTERNAL', message: 'strange', cause: strange });
  expect(fromNative(Object.assign(new Error('x'), { code: 'CLOSED' }))).toMatchObject({ code: 'CLOSED', message: 'x' });
  const own = new SageDBError('LOCKED', 'mine');
  expect(fromNative(own)).toBe(own);
});

test('values are shown in messages without being touched', () => {
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const cases: [unknown, string][] = [
    [undefined, 'undefined'],
    [null, 'null'],
    [-0, '-0'],
    [Number.NaN, 'NaN'],
    [12n, '12n'],
    ['short', '"short"'],
    ['x'.repeat(100), `"${'x'.repeat(40)}"… (100 characters)`],
    [Symbol('s'), 'a symbol'],
    [() => 1, 'a function'],
    [[1, 2], 'an array of length 2'],
    [new Date(), 'a Date'],
    [{ a: 1 }, 'an object'],
    [Object.create(null), 'an object'],
    [revoked.proxy, 'an object'],
  ];
  for (const [value, text] of cases) expect(show(value)).toBe(text);
});
