// Property: the public types say exactly what comes back and refuse what the run time would refuse.
import { describe, expectTypeOf, test } from 'vitest';
import {
  type Id,
  type Item,
  type Metadata,
  type RawBatchSearchResult,
  type RawSearchResult,
  type Replaced,
  SageDB,
  SageDBError,
  type SageDBErrorCode,
  type SearchResult,
  type VectorDatabase,
} from '../../lib/index.js';

interface Book {
  title: string;
  year: number;
  tags?: string[];
}
declare const db: SageDB<Book>;
declare const vector: Float32Array;

describe('results', () => {
  test('follow the options of the call', () => {
    expectTypeOf(db.search(vector)).resolves.toEqualTypeOf<SearchResult<Book, true, false>[]>();
    expectTypeOf(db.search(vector, { k: 3 })).resolves.items.toMatchTypeOf<{ id: Id; score: number; metadata: Book }>();
    expectTypeOf(db.search(vector, { includeMetadata: false })).resolves.items.not.toHaveProperty('metadata');
    expectTypeOf(db.search(vector)).resolves.items.not.toHaveProperty('vector');
    expectTypeOf(db.search(vector, { includeVector: true })).resolves.items.toHaveProperty('vector');
    const maybe = Math.random() < 2;
    expectTypeOf(db.search(vector, { includeMetadata: maybe })).resolves.items.toMatchTypeOf<{ metadata?: Book }>();
    expectTypeOf(db.batchSearch([vector])).resolves.items.items.toMatchTypeOf<{ metadata: Book }>();
    expectTypeOf(db.searchSync(vector, { includeVector: true })).items.toMatchTypeOf<{ vector: Float32Array }>();
    expectTypeOf(db.batchSearchSync([vector])).items.items.toMatchTypeOf<{ metadata: Book }>();
    expectTypeOf(db.searchRaw(vector)).resolves.toEqualTypeOf<RawSearchResult>();
    expectTypeOf(db.batchSearchRaw([vector])).resolves.toEqualTypeOf<RawBatchSearchResult>();
  });

  test('of reads and writes', () => {
    expectTypeOf(db.get(1)).resolves.toEqualTypeOf<Item<Book> | undefined>();
    expectTypeOf(db.getMany([1, 'a'])).resolves.items.toEqualTypeOf<Item<Book> | undefined>();
    expectTypeOf(db.find({ year: 1999 }, { includeVector: true })).resolves.items.toHaveProperty('vector');
    expectTypeOf(db.has('a')).resolves.toBeBoolean();
    expectTypeOf(db.count()).resolves.toBeNumber();
    expectTypeOf(db.remove(1)).resolves.toBeBoolean();
    expectTypeOf(db.remove([1, 'a'])).resolves.toBeNumber();
    expectTypeOf(db.removeWhere({ title: 'x' })).resolves.toBeNumber();
    expectTypeOf(db.replaceWhere({ title: 'x' }, [{ vector, id: 1 }])).resolves.toEqualTypeOf<Replaced>();
    expectTypeOf(db.findByMetadata('title', 'x', { includeVector: true })).resolves.items.toHaveProperty('vector');
    expectTypeOf(db.update(1, { metadata: { title: 'x', year: 1 } })).resolves.toBeBoolean();
    expectTypeOf(db.addBatch([vector])).resolves.toEqualTypeOf<Id[]>();
  });

  test('of add follow the id', () => {
    const metadata = { title: 'x', year: 1 };
    expectTypeOf(db.add(vector)).resolves.toBeNumber();
    expectTypeOf(db.add(vector, metadata)).resolves.toBeNumber();
    expectTypeOf(db.add(vector, metadata, { id: 'a' as string })).resolves.toBeString();
    expectTypeOf(db.upsert(vector, metadata, { id: 5 as number })).resolves.toBeNumber();
    const maybe = undefined as Id | undefined;
    expectTypeOf(db.add(vector, metadata, { id: maybe })).resolves.toEqualTypeOf<Id>();
  });
});

describe('arguments', () => {
  test('metadata is of the database’s type', () => {
    // @ts-expect-error a property is missing
    void db.add(vector, { title: 'x' });
    // @ts-expect-error a property has another type
    void db.add(vector, { title: 'x', year: '1999' });
    // @ts-expect-error also in batches
    void db.addBatch([vector], [{ title: 1, year: 1 }]);
    // @ts-expect-error and in updates
    void db.update(1, { metadata: { year: 1 } });
    void db.addBatch([vector, vector], [{ title: 'x', year: 1 }, undefined]);
  });

  test('unknown options are refused', () => {
    // @ts-expect-error K for k
    void db.search(vector, { K: 5 });
    // @ts-expect-error nothing can fire during a synchronous call
    db.searchSync(vector, { signal: new AbortController().signal });
    // @ts-expect-error no such metric
    void SageDB.open({ dimension: 3, metric: 'euclid' });
    // @ts-expect-error dimension is required
    void SageDB.open({ metric: 'l2' });
    // @ts-expect-error not an id
    void db.get({});
    // @ts-expect-error constructed by open() and attach()
    new SageDB();
  });

  test('vectors: every accepted form, and no other', () => {
    void db.search([1, 2]);
    void db.search([1, 2] as const);
    void db.search(new Float64Array(2));
    void db.addBatch(new Float32Array(4));
    void db.addBatch([[1, 2], new Float32Array(2)]);
    // @ts-expect-error a flat list of numbers is no list of vectors
    void db.addBatch([1, 2, 3]);
    // @ts-expect-error integers
    void db.search(new Int32Array(2));
    // @ts-expect-error strings
    void db.search(['1', '2']);
  });
});

test('the class is the interface, is disposable, and defaults to JSON metadata', () => {
  expectTypeOf<SageDB<Book>>().toMatchTypeOf<VectorDatabase<Book>>();
  expectTypeOf<SageDB<Book>>().toMatchTypeOf<AsyncDisposable>();
  expectTypeOf(SageDB.open({ dimension: 3 })).resolves.toEqualTypeOf<SageDB<Metadata>>();
  expectTypeOf(SageDB.open<Book>({ dimension: 3 })).resolves.toEqualTypeOf<SageDB<Book>>();
  expectTypeOf(SageDB.attach<Book>('handle')).toEqualTypeOf<SageDB<Book>>();
});

test('error codes are a closed union', () => {
  const error: unknown = new SageDBError('CLOSED', 'x');
  if (SageDBError.is(error)) expectTypeOf(error.code).toEqualTypeOf<SageDBErrorCode>();
  // @ts-expect-error no such code
  new SageDBError('NOPE', 'x');
  // @ts-expect-error a comparison that can never be true
  if (SageDBError.is(error) && error.code === 'CLOSE') return;
});
