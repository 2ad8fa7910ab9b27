// Property: with named spaces the compiler knows their names: of vectors that are written and read, of searches, and of what `open` infers.
import { describe, expectTypeOf, test } from 'vitest';
import { SageDB, type SearchResult, type SpaceInfo, type VectorDatabase } from '../../lib/index.js';

interface Book {
  title: string;
}
type Name = 'title' | 'image';
declare const db: SageDB<Book, Name>;
declare const vector: Float32Array;

describe('spaces', () => {
  test('are inferred from the options, or given', () => {
    const inferred = SageDB.open({ spaces: { title: { dimension: 3, metric: 'l2' }, image: { dimension: 2 } } });
    expectTypeOf(inferred).resolves.toHaveProperty('spaces').toEqualTypeOf<Readonly<Record<Name, SpaceInfo>>>();
    expectTypeOf(SageDB.open<Book, Name>({ path: 'x' })).resolves.toEqualTypeOf<SageDB<Book, Name>>();
    expectTypeOf(SageDB.open<Book>({ dimension: 3 })).resolves.toEqualTypeOf<SageDB<Book>>();
    expectTypeOf(SageDB.attach<Book, Name>('x')).toEqualTypeOf<SageDB<Book, Name>>();
    expectTypeOf(db).toMatchTypeOf<VectorDatabase<Book, Name>>();
    // @ts-expect-error the dimension is that of each space
    SageDB.open({ spaces: { title: { dimension: 3 } }, dimension: 3 });
    // @ts-expect-error
    SageDB.open({ spaces: { title: { dimension: 3, metric: 'l3' } } });
  });

  test('name the vectors of items', () => {
    expectTypeOf(db.add({ title: vector })).resolves.toEqualTypeOf<number>();
    db.addBatch([{ title: vector, image: [1, 2] }, { image: vector }]);
    db.update(1, { vector: { image: vector } });
    db.replaceWhere({}, [{ vector: { title: vector }, metadata: { title: 'x' } }]);
    db.import([{ vector: { title: vector } }]);
    expectTypeOf(db.get(1, { includeVector: true }))
      .resolves.extract<object>()
      .toHaveProperty('vector');
    type Stored = { title?: Float32Array; image?: Float32Array };
    expectTypeOf(db.find({}, { includeVector: true }))
      .resolves.items.toHaveProperty('vector')
      .toEqualTypeOf<Stored>();
    // @ts-expect-error a vector needs the name of its space
    db.add(vector);
    // @ts-expect-error no such space
    db.add({ photo: vector });
    // @ts-expect-error
    db.addBatch([vector]);
  });

  test('are searched alone or together', () => {
    expectTypeOf(db.search(vector, { space: 'title' })).resolves.toEqualTypeOf<
      SearchResult<Book, true, false, Name>[]
    >();
    expectTypeOf(db.search({ id: 1 }, { space: 'image', includeVector: true })).resolves.items.toHaveProperty('vector');
    db.search({ vectors: { title: vector, image: vector }, fusion: 'rrf', k: 3 });
    db.search(
      { vectors: { title: vector }, text: 'x', fusion: { weights: { title: 1, text: 2 } } },
      { filter: { title: 'x' } },
    );
    db.searchRaw(vector, { space: 'title' });
    db.batchSearch([vector], { space: 'title' });
    db.findDuplicates({ radius: 1, space: 'image' });
    // @ts-expect-error no such space
    db.search(vector, { space: 'photo' });
    // @ts-expect-error
    db.search({ vectors: { photo: vector } });
    // @ts-expect-error
    db.search({ vectors: { title: vector }, fusion: { weights: { photo: 1 } } });
  });

  test('are not there without', () => {
    const plain = {} as SageDB<Book>;
    // @ts-expect-error
    plain.search(vector, { space: 'title' });
    // @ts-expect-error
    plain.search({ vectors: { title: vector } });
    // @ts-expect-error
    plain.add({ title: vector });
  });
});
