// Property: the compiler accepts a filter exactly when its fields, paths and operands fit the metadata type. `npm run check` and `npm test`
// compile this file; an unused @ts-expect-error is an error.
import type { Filter } from '../../lib/filter.js';
import type { Metadata } from '../../lib/types.js';

interface Article {
  title: string;
  kind: 'news' | 'blog';
  year: number;
  draft?: boolean;
  score: number | null;
  tags: string[];
  author: { name: string; address?: { city: string; zip: number } };
  sections: { heading: string; length: number }[];
  'http.method': string;
  mixed: string | number[];
}
type F = Filter<Article>;
const check = (..._filters: F[]) => {};

check({}, { title: 'a' }, { kind: 'news', year: 2020 }, { draft: true }, { draft: null }, { score: null });
check({ year: { $gte: 2020, $lt: 2024 } }, { title: { $gt: 'm' } }, { kind: { $gt: 'anything' } });
check(
  { tags: 'a' },
  { tags: ['a', 'b'] },
  { tags: { $in: ['a', 'b'] } },
  { tags: { $all: ['a'] } },
  { tags: { $contains: 'a' } },
);
check(
  { title: { $contains: 'sub' } },
  { mixed: 'a' },
  { mixed: 3 },
  { mixed: { $contains: 3 } },
  { mixed: { $gt: 1 } },
);
check({ 'author.name': 'x' }, { 'author.address.city': { $in: ['x'] } }, { 'author.address.zip': { $exists: true } });
check(
  { author: { name: 'x' } },
  { author: { $eq: { name: 'x', address: { city: 'c', zip: 1 } } } },
  { 'http.method': 'GET' },
);
check(
  { sections: { $elemMatch: { heading: 'x', length: { $gt: 3 } } } },
  { tags: { $elemMatch: { $gte: 'a', $lt: 'b' } } },
);
check({ year: { $not: { $gt: 3 } } }, { $not: { year: 3 } });
check({ $and: [{ year: 1 }, { $or: [{ title: 'x' }, { tags: 'y' }] }], $nor: [{ draft: true }] });
const readonlyTags = ['a', 'b'] as const;
check({ tags: { $in: readonlyTags } }, { tags: readonlyTags });

// @ts-expect-error unknown field
check({ yaer: 2020 });
// @ts-expect-error unknown nested field
check({ 'author.nmae': 'x' });
// @ts-expect-error unknown field inside $or
check({ $or: [{ yaer: 2020 }] });
// @ts-expect-error paths do not step into arrays
check({ 'sections.heading': 'x' });
// @ts-expect-error wrong type of value
check({ year: '2020' });
// @ts-expect-error not one of the literals
check({ kind: 'essay' });
// @ts-expect-error wrong type of element
check({ tags: 5 });
// @ts-expect-error wrong operand of a comparison
check({ year: { $gte: '2020' } });
// @ts-expect-error comparisons with null match nothing
check({ score: { $gt: null } });
// @ts-expect-error $in takes a list
check({ year: { $in: 2020 } });
// @ts-expect-error wrong type inside $in
check({ year: { $in: ['2020'] } });
// @ts-expect-error $exists takes a boolean
check({ year: { $exists: 1 } });
// @ts-expect-error unknown operator
check({ year: { $regex: 'x' } });
// @ts-expect-error unknown logical operator
check({ $xor: [] });
// @ts-expect-error $contains on a number
check({ year: { $contains: 2 } });
// @ts-expect-error $elemMatch on something that is no array
check({ title: { $elemMatch: { $gt: 'a' } } });
// @ts-expect-error wrong field inside $elemMatch
check({ sections: { $elemMatch: { headnig: 'x' } } });
// @ts-expect-error $not on a field takes operators
check({ year: { $not: 5 } });
// @ts-expect-error $and takes a list
check({ $and: { year: 1 } });
// @ts-expect-error dates are stored as strings or numbers
check({ title: new Date() });
// @ts-expect-error bigints are no metadata
check({ year: 5n });

// Metadata without a declared shape takes any field.
const loose: Filter<Metadata>[] = [
  { anything: 1, 'a.b': { $in: ['x', null] } },
  { $or: [{ a: 1 }, { $not: { b: { $contains: 'x' } } }] },
  { list: { $elemMatch: { x: 1, y: { $gt: 2 } } } },
];
const byDefault: Filter = { anything: { $gte: 5 } };
void [loose, byDefault];

// Nested objects with an index signature take any path below them; recursive types stay usable.
interface Tree {
  labels: { [key: string]: string };
  child?: Tree;
}
const trees: Filter<Tree>[] = [{ 'labels.color': 'red' }, { 'child.child.labels.x': { $exists: false } }];
// @ts-expect-error the values of the index signature are strings
const wrongLabel: Filter<Tree> = { 'labels.color': 5 };
void [trees, wrongLabel];

// Generic code over metadata can still build filters of what it knows.
function byKind<M extends { kind: string }>(filter: Filter<M>): Filter<M> {
  return { $and: [filter, filter] } as Filter<M>;
}
void byKind<Article>({ kind: 'news' });
