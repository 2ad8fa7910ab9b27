// Property: a filter is plain data that is read once; whatever it is not is refused with the path and the operator.
import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import { SageDBError } from '../../lib/errors.js';
import { compileFilter } from '../../lib/filter.js';

function problem(filter: unknown): string {
  try {
    compileFilter(filter as object);
  } catch (error) {
    expect(error).toBeInstanceOf(SageDBError);
    expect((error as SageDBError).code).toBe('INVALID_FILTER');
    return (error as SageDBError).message;
  }
  return 'accepted';
}

describe('compileFilter writes what it was given', () => {
  it.each([
    {},
    { a: 1 },
    { 'a.b': { $gte: 2020, $lt: 2024 } },
    { $or: [{ a: null }, { $not: { b: { $in: ['x', 2, true, null, [1], { c: 1 }] } } }], $nor: [] },
    { a: { $elemMatch: { b: 1, c: { $gt: 'x' } } }, t: { $all: [], $exists: false, $not: { $contains: 'é\u0000"' } } },
    { a: { $eq: { $gt: 1 } }, b: { c: [] } },
    { a: [1, 2], '': 0.1, '\ud83d': '\udc00' },
  ])('%j', (filter) => {
    expect(JSON.parse(compileFilter(filter))).toEqual(filter);
  });

  it('an own __proto__ key is a field like any other', () => {
    const filter = JSON.parse('{"__proto__": {"__proto__": 1}}');
    expect(compileFilter(filter)).toBe('{"__proto__":{"__proto__":1}}');
  });

  it('lone surrogates are escaped, so that no layer below has to guess', () => {
    expect(compileFilter({ a: '\ud83d' })).toBe('{"a":"\\ud83d"}');
  });

  it('objects of another realm and without a prototype are plain', () => {
    expect(compileFilter(vm.runInNewContext('({ a: { $in: [1] } })'))).toBe('{"a":{"$in":[1]}}');
    expect(compileFilter(Object.assign(Object.create(null), { a: 1 }))).toBe('{"a":1}');
  });

  it('shared parts are no cycles', () => {
    const part = { $gt: 1 };
    expect(compileFilter({ a: part, b: part })).toBe('{"a":{"$gt":1},"b":{"$gt":1}}');
  });

  it('toJSON is never called', () => {
    expect(problem({ a: { toJSON: () => 1 } })).toContain("'a': 'toJSON': expected a JSON value, got a function");
  });
});

describe('errors name path and operator', () => {
  it.each<[unknown, string]>([
    [{ year: { $gte: null } }, "filter: 'year': $gte: expected a number, string or boolean, got null"],
    [{ 'a.b': { $in: 'x' } }, 'filter: \'a.b\': $in: expected an array of values, got "x"'],
    [{ $or: [{ a: 1 }, { b: { $exists: 1 } }] }, "filter: $or[1]: 'b': $exists: expected true or false, got 1"],
    [{ a: { $regex: 'x' } }, "filter: 'a': $regex: unknown operator"],
    [{ $where: '1' }, 'filter: $where: unknown operator'],
    [{ $and: {} }, 'filter: $and: expected an array of filters'],
    [{ $not: 1 }, 'filter: $not: expected an object of conditions, got 1'],
    [{ a: { $gt: 1, b: 2 } }, "filter: 'a': expected operators or a value, not both, got the keys $gt, b"],
    [{ a: { b: { $gt: 1 } } }, "filter: 'a': 'b': operator $gt inside a value"],
    [{ a: [{ $gt: 1 }] }, "filter: 'a'[0]: operator $gt inside a value"],
    [{ a: { $not: 5 } }, "filter: 'a': $not: expected an object of operators (use $ne for a value), got 5"],
    [{ a: { $not: {} } }, "filter: 'a': $not: expected an object of operators only"],
    [{ a: { $elemMatch: [] } }, "filter: 'a': $elemMatch: expected operators or a filter, got an array of length 0"],
    [{ a: { $elemMatch: { b: { $lt: [] } } } }, "filter: 'a': $elemMatch: 'b': $lt: expected a number"],
    [{ a: undefined }, "filter: 'a': expected a value, got undefined"],
    [{ a: { $ne: undefined } }, "filter: 'a': $ne: expected a value, got undefined"],
    [{ a: { $in: [1, undefined] } }, "filter: 'a': $in[1]: expected a value, got undefined"],
    [{ a: { $in: new Array(2) } }, "filter: 'a': $in[0]: expected a value, got undefined"],
    [{ a: Number.NaN }, "filter: 'a': expected a finite number, got NaN"],
    [{ a: { $lt: Number.POSITIVE_INFINITY } }, "filter: 'a': $lt: expected a finite number, got Infinity"],
    [{ a: 5n }, "filter: 'a': expected a JSON value, got 5n"],
    [{ a: Symbol('s') }, "filter: 'a': expected a JSON value, got a symbol"],
    [{ a: () => true }, "filter: 'a': expected a JSON value, got a function"],
    [
      { a: { $gte: new Date() } },
      "filter: 'a': $gte: expected a number, string or boolean, got a Date (store dates as ISO",
    ],
    [{ a: new Date() }, "filter: 'a': expected a value or an object of operators, got a Date (store dates as ISO"],
    [{ a: /x/ }, "filter: 'a': expected a value or an object of operators, got a RegExp (patterns are not supported"],
    [{ a: new Map() }, 'got a Map'],
    [{ a: { $in: [new Uint8Array(1)] } }, "filter: 'a': $in[0]: expected a JSON value, got a Uint8Array"],
    [{ [Symbol('s')]: 1 }, 'filter: symbols cannot be keys'],
    [null, 'filter: expected an object of conditions, got null'],
    [undefined, 'filter: expected an object of conditions, got undefined'],
    ['year > 2020; DROP TABLE', 'filter: expected an object of conditions, got "year > 2020; DROP TABLE"'],
    [[], 'filter: expected an object of conditions, got an array of length 0'],
  ])('%o', (filter, message) => {
    expect(problem(filter)).toContain(message);
  });

  it('a literal __proto__ that sets the prototype does not pass as an empty filter', () => {
    expect(problem({ __proto__: { role: 'x' } })).toContain('expected an object of conditions');
  });

  it('getters are refused without being called', () => {
    let calls = 0;
    const filter = {
      get a() {
        calls++;
        return 1;
      },
    };
    expect(problem(filter)).toContain("filter: 'a' is a getter");
    expect(problem({ a: { $in: Object.defineProperty([1], 0, { get: () => ++calls }) } })).toContain(
      'element 0 is a getter',
    );
    expect(calls).toBe(0);
  });

  it('what a hostile proxy throws is the cause', () => {
    const cause = new Error('trap');
    const proxy = new Proxy({}, { ownKeys: () => { throw cause; } }); // biome-ignore format: one line
    try {
      compileFilter({ a: proxy });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'INVALID_FILTER', cause });
    }
  });

  it('cycles and depth are bounded', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.$not = cyclic;
    expect(problem(cyclic)).toContain('the filter contains itself');
    const list: unknown[] = [];
    list.push(list);
    expect(problem({ a: { $in: list } })).toContain('the filter contains itself');
    let deep: object = { a: 1 };
    for (let i = 0; i < 62; i++) deep = { $not: deep };
    expect(problem(deep)).toBe('accepted');
    expect(problem({ $not: { $not: deep } })).toContain('nested deeper than 64 levels');
  });
});
