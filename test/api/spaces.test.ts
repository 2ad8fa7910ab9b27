// Property: items with several named vectors are written, read, searched in one space or in several, moved and kept as the options say, and
// whatever does not fit is a typed error that names the field and changes nothing.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SageDB, type SageDBError } from '../../lib/index.js';
import { createServer } from '../../lib/server/index.js';

interface Book {
  year: number;
  text?: string;
}
const spaces = {
  title: { dimension: 3, metric: 'cosine' },
  image: { dimension: 2, metric: 'l2' },
  sound: { dimension: 4, metric: 'ip' },
} as const;

const open = () => SageDB.open<Book, 'title' | 'image' | 'sound'>({ spaces });
const codeOf = (call: () => unknown): Promise<[string, string]> =>
  (async () => call())().then(
    () => ['no error', ''],
    (error: SageDBError) => [error.code, error.message],
  );

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sagedb-spaces-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function filled(db: Awaited<ReturnType<typeof open>>): Promise<void> {
  await db.addBatch(
    [
      { title: [1, 0, 0], image: [0, 0] },
      { title: [0, 1, 0] },
      { image: Float32Array.of(5, 0), sound: [1, 2, 3, 4] },
      { title: [1, 1, 0], image: [1, 0], sound: [0, 0, 0, 1] },
    ],
    [{ year: 2020, text: 'red fox' }, { year: 2021, text: 'red' }, { year: 2022 }, { year: 2023, text: 'blue' }],
    { ids: ['a', 'b', 'c', 'd'] },
  );
}

describe('items', () => {
  test('have the vectors that they were given, in every way to write them', async () => {
    await using db = await open();
    expect(db.spaces).toEqual(spaces);
    expect(db.dimension).toBe(9);
    const id = await db.add({ image: [1, 2], title: [0, 0, 2] }, { year: 1 });
    expect(await db.get(id, { includeVector: true })).toEqual({
      id,
      metadata: { year: 1 },
      vector: { title: Float32Array.of(0, 0, 2), image: Float32Array.of(1, 2) },
    });
    expect(await db.update(id, { vector: { image: [3, 4], sound: new Float64Array([1, 2, 3, 4]) } })).toBe(true);
    expect((await db.get(id, { includeVector: true }))?.vector).toEqual({
      title: Float32Array.of(0, 0, 2),
      image: Float32Array.of(3, 4),
      sound: Float32Array.of(1, 2, 3, 4),
    });
    await db.upsert({ sound: [1, 1, 1, 1] }, { year: 2 }, { id });
    expect((await db.get(id, { includeVector: true }))?.vector).toEqual({ sound: Float32Array.of(1, 1, 1, 1) });
    const { ids } = await db.replaceWhere({ year: 2 }, [{ vector: { title: [1, 2, 3] }, metadata: { year: 3 } }]);
    const found = await db.find({ year: 3 }, { includeVector: true });
    expect(found).toHaveLength(1);
    expect(found[0]?.id).toBe(ids[0]);
    expect(Array.from(found[0]?.vector.title ?? [], (x) => Math.round(x * 1000) / 1000)).toEqual([1, 2, 3]);
    await db.upsertBatch([{ image: [9, 9] }, { title: [1, 0, 0], image: [8, 8] }], undefined, { ids: ['x', 'y'] });
    expect(
      (await db.getMany(['x', 'y'], { includeVector: true })).map((item) => Object.keys(item?.vector ?? {})),
    ).toEqual([['image'], ['title', 'image']]);
  });

  test('of a large batch, copied over several turns, arrive whole', async () => {
    await using db = await SageDB.open({
      spaces: { a: { dimension: 300, metric: 'l2' }, b: { dimension: 200, metric: 'l2' } },
    });
    const rows = Array.from({ length: 3000 }, (_, i) => ({
      ...(i % 3 !== 0 && { a: new Float32Array(300).fill(i) }),
      ...(i % 3 !== 1 && { b: new Float32Array(200).fill(-i) }),
    }));
    const ids = await db.addBatch(rows);
    for (const i of [0, 1, 2, 1499, 2998, 2999]) {
      const { vector } = (await db.get(ids[i]!, { includeVector: true }))!;
      expect(vector).toEqual(rows[i]);
    }
    const [hit] = await db.search(new Float32Array(200).fill(-1500), { space: 'b', k: 1 });
    expect(hit?.id).toBe(ids[1500]);
    expect(db.stats().spaces?.a?.rows).toBe(2000);
  });
});

describe('a search in one space', () => {
  test('finds the items that have a vector there, by every method', async () => {
    await using db = await open();
    await filled(db);
    expect((await db.search([1, 0, 0], { space: 'title' })).map(({ id }) => id)).toEqual(['a', 'd', 'b']);
    expect((await db.search([0, 0], { space: 'image', radius: 2 })).map(({ id }) => id)).toEqual(['a', 'd']);
    expect((await db.search([0, 0], { space: 'image', filter: { year: { $gt: 2020 } } })).map(({ id }) => id)).toEqual([
      'd',
      'c',
    ]);
    expect(db.searchSync([0, 0, 0, 1], { space: 'sound', includeVector: true })).toEqual([
      {
        id: 'c',
        score: 4,
        metadata: { year: 2022 },
        vector: { image: Float32Array.of(5, 0), sound: Float32Array.of(1, 2, 3, 4) },
      },
      expect.objectContaining({ id: 'd', score: 1 }),
    ]);
    const raw = await db.searchRaw([1, 0], { space: 'image', k: 2, includeVector: true });
    expect(raw.stringIds).toEqual(['d', 'a']);
    expect(raw.vectors).toEqual(Float32Array.of(1, 0, 0, 0));
    const batch = await db.batchSearch(
      [
        [0, 0],
        [5, 0],
      ],
      { space: 'image', k: 1 },
    );
    expect(batch.map(([hit]) => hit?.id)).toEqual(['a', 'c']);
    const both = await Promise.all([
      db.search([1, 0, 0], { space: 'title', k: 1 }),
      db.search([5, 0], { space: 'image', k: 1 }),
    ]);
    expect(both.map(([hit]) => hit?.id)).toEqual(['a', 'c']);
    expect((await db.search({ id: 'a' }, { space: 'image' })).map(({ id }) => id)).toEqual(['d', 'c']);
    expect((await db.search({ id: 'a' }, { space: 'title', diversity: 0.2, k: 1 })).map(({ id }) => id)).toEqual(['d']);
    expect(await codeOf(() => db.search({ id: 'b' }, { space: 'image' }))).toEqual([
      'NOT_FOUND',
      'query: item "b" has no vector in space \'image\'',
    ]);
    expect(await db.findDuplicates({ space: 'image', radius: 1 })).toEqual([['a', 'd']]);
    const explained = await db.search([1, 0], { space: 'image', explain: true });
    expect(explained.explain.plans).toEqual(['scan']);
  });

  test('needs no name where there is one space only', async () => {
    await using db = await SageDB.open({ spaces: { only: { dimension: 2, metric: 'l2' } } });
    await db.add({ only: [1, 2] });
    expect(await db.search([1, 2])).toEqual([{ id: 1, score: 0, metadata: {} }]);
  });
});

describe('a search in several spaces', () => {
  test('sums ranks, or weighted scores in which a missing vector adds nothing', async () => {
    await using db = await open();
    await filled(db);
    const ranks = await db.search({ vectors: { title: [1, 0, 0], image: [0, 0] } }, { k: 10 });
    expect(ranks.map(({ id }) => id)).toEqual(['a', 'd', 'b', 'c']);
    expect(ranks[0]?.score).toBeCloseTo(2 / 61, 6);
    expect(ranks[1]?.score).toBeCloseTo(2 / 62, 6);
    const weighted = await db.search({
      vectors: { title: [1, 0, 0], image: [0, 0] },
      fusion: { weights: { title: 0.7, image: 0.3 } },
      k: 10,
      includeVector: true,
    });
    // Title: 1, 0.707, 0 for a, d, b; image: distances 0, 1, 5 for a, d, c; each scaled to 0 … 1.
    expect(weighted.map(({ id, score }) => [id, Number(score.toFixed(4))])).toEqual([
      ['a', 1],
      ['d', Number((0.7 * Math.SQRT1_2 + 0.3 * 0.8).toFixed(4))],
      ['b', 0],
      ['c', 0],
    ]);
    expect(weighted[2]?.vector).toEqual({ title: Float32Array.of(0, 1, 0) });
    const filtered = await db.search(
      { vectors: { title: [1, 0, 0], image: [0, 0] }, filter: { year: { $lt: 2023 } } },
      { k: 2 },
    );
    expect(filtered.map(({ id }) => id)).toEqual(['a', 'b']);
    const reranked = await db.search(
      { vectors: { title: [1, 0, 0], sound: [0, 0, 0, 1] } },
      { k: 1, rerank: (hits) => [...hits].reverse() },
    );
    expect(reranked).toHaveLength(1);
  });

  test('and by text', async () => {
    await using db = await SageDB.open<Book, 'title' | 'image'>({
      spaces: { title: { dimension: 3 }, image: { dimension: 2, metric: 'l2' } },
      textFields: ['text'],
    });
    await db.addBatch(
      [{ title: [1, 0, 0], image: [9, 0] }, { image: [0, 0] }, { title: [0, 1, 0] }],
      [
        { year: 1, text: 'fox' },
        { year: 2, text: 'dog' },
        { year: 3, text: 'fox fox' },
      ],
      { ids: [1, 2, 3] },
    );
    const hits = await db.search({ text: 'fox', vectors: { title: [1, 0, 0], image: [9, 0] }, highlight: true });
    expect(hits[0]).toMatchObject({ id: 1, highlights: [{ field: 'text' }] });
    expect(hits).toHaveLength(3);
    const weights = { title: 0, image: 0, text: 1 };
    const byText = await db.search({ text: 'fox', vectors: { title: [1, 0, 0], image: [9, 0] }, fusion: { weights } });
    expect(byText[0]?.id).toBe(3);
    expect((await db.search({ text: 'fox' })).map(({ id }) => id)).toEqual([3, 1]);
    const hybrid = await db.search(
      { text: 'fox', vector: [1, 0, 0], fusion: { weights: { vector: 1, text: 0 } } },
      { space: 'title' },
    );
    expect(hybrid[0]?.id).toBe(1);
  });

  test('has k hits whenever k items have one of the vectors, beyond the index, too', async () => {
    await using db = await SageDB.open({
      spaces: { a: { dimension: 8, metric: 'l2' }, b: { dimension: 8 } },
      rebuildThreshold: 200,
    });
    let seed = 1;
    const random = () => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647 - 0.5;
    };
    const vector = () => Float32Array.from({ length: 8 }, random);
    await db.addBatch(
      Array.from({ length: 1500 }, (_, i) =>
        i % 2 === 0 ? { a: vector() } : i % 5 === 0 ? { a: vector(), b: vector() } : { b: vector() },
      ),
    );
    await db.buildIndex();
    await db.addBatch(Array.from({ length: 100 }, () => ({ b: vector() })));
    for (const fusion of ['rrf', { weights: { a: 0.5, b: 0.5 } }] as const) {
      const hits = await db.search({ vectors: { a: vector(), b: vector() }, fusion }, { k: 300 });
      expect(new Set(hits.map(({ id }) => id)).size).toBe(300);
    }
    expect(await db.search({ vectors: { a: vector(), b: vector() } }, { k: 5000 })).toHaveLength(1600);
  });
});

describe('what does not fit', () => {
  test('is refused by name, and nothing changes', async () => {
    await using db = await open();
    await filled(db);
    const { sequence } = db.stats();
    const bad = db as unknown as SageDB;
    const cases: [() => unknown, string, RegExp][] = [
      [() => bad.add([1, 2, 3]), 'INVALID_VECTOR', /^vector: expected an object of vectors by space/],
      [
        () => bad.add({ photo: [1] } as never),
        'INVALID_ARGUMENT',
        /^vector: expected one of the spaces 'title', 'image', 'sound', got "photo"/,
      ],
      [() => bad.add({} as never), 'INVALID_VECTOR', /^vector: expected a vector for one of the spaces/],
      [() => db.add({ title: undefined } as never), 'INVALID_VECTOR', /got none/],
      [() => db.add({ title: [1, 2] }), 'DIMENSION_MISMATCH', /^vector\.title: expected 3 components, got 2/],
      [() => db.add({ image: [1, Number.NaN] }), 'INVALID_VECTOR', /^vector\.image, component 1/],
      [() => db.add({ title: [0, 0, 0] }), 'INVALID_VECTOR', /^vector\.title: a zero vector/],
      [() => db.addBatch([{ image: [1, 2] }, { image: [1] }]), 'DIMENSION_MISMATCH', /^vectors\[1\]\.image/],
      [() => bad.addBatch(new Float32Array(9)), 'INVALID_ARGUMENT', /^vectors: expected a list of objects/],
      [() => db.update('a', { vector: {} }), 'INVALID_VECTOR', /got none/],
      [() => db.search([1, 2, 3]), 'INVALID_ARGUMENT', /^options\.space: expected one of the spaces .*, got undefined/],
      [() => db.search([1, 2, 3], { space: 'photo' as never }), 'INVALID_ARGUMENT', /^options\.space: .*got "photo"/],
      [() => db.search([1, 2, 3], { space: 'image' }), 'DIMENSION_MISMATCH', /^query: expected 2 components, got 3/],
      [() => db.search({ id: 'a' }), 'INVALID_ARGUMENT', /^options\.space/],
      [() => db.search({ vectors: { title: [1, 2] } }), 'DIMENSION_MISMATCH', /^query\.vectors\.title/],
      [() => db.search({ vectors: {} }), 'INVALID_VECTOR', /got none/],
      [() => db.search({ vectors: { image: [1, 2] } }, { radius: 1 }), 'INVALID_ARGUMENT', /^options\.radius/],
      [() => db.search({ vectors: { image: [1, 2] } }, { space: 'image' }), 'INVALID_ARGUMENT', /^options\.space/],
      [() => db.search({ vectors: { image: [1, 2] } }, { diversity: 0.5 }), 'INVALID_ARGUMENT', /^options\.diversity/],
      [
        () => db.search({ vectors: { image: [1, 2] }, fusion: { weights: {} } }),
        'INVALID_ARGUMENT',
        /^query\.fusion\.weights\.image/,
      ],
      [
        () => db.search({ vectors: { image: [1, 2] }, fusion: { weights: { image: 1, title: 1 } } }),
        'INVALID_ARGUMENT',
        /^query\.fusion\.weights\.title/,
      ],
      [() => db.searchRaw([1, 2, 3]), 'INVALID_ARGUMENT', /^options\.space/],
      [() => db.findDuplicates({ radius: 1 }), 'INVALID_ARGUMENT', /^options\.space/],
      [() => db.export(join(folder, 'npy')), 'INVALID_ARGUMENT', /^target: expected a file/],
      [() => createServer(bad), 'INVALID_ARGUMENT', /^database: expected one without spaces/],
      [() => SageDB.open({ spaces: {} }), 'INVALID_ARGUMENT', /^options\.spaces/],
      [
        () => SageDB.open({ spaces: { text: { dimension: 2 } } }),
        'INVALID_ARGUMENT',
        /^options\.spaces: expected names/,
      ],
      ...['constructor', 'toString', 'hasOwnProperty'].map((name): [() => unknown, string, RegExp] => [
        () => SageDB.open({ spaces: { [name]: { dimension: 2 } } }),
        'INVALID_ARGUMENT',
        /^options\.spaces: expected names/,
      ]),
      [() => SageDB.open({ spaces: { a: { dimension: 0 } } }), 'INVALID_ARGUMENT', /^options\.spaces\.a\.dimension/],
      [
        () => SageDB.open({ spaces: { a: { dimension: 2 } }, dimension: 2 } as never),
        'INVALID_ARGUMENT',
        /^options\.dimension/,
      ],
    ];
    for (const [call, code, message] of cases) {
      const [gotCode, gotMessage] = await codeOf(call);
      expect([gotCode, gotMessage], String(call)).toEqual([code, expect.stringMatching(message)]);
    }
    expect(db.stats().sequence).toBe(sequence);
    await using plain = await SageDB.open({ dimension: 2 });
    expect((await codeOf(() => plain.search([1, 2], { space: 'a' as never })))[1]).toMatch(
      /^options\.space: .*without spaces/,
    );
    expect((await codeOf(() => plain.search({ vectors: { a: [1, 2] } } as never)))[1]).toMatch(
      /^query\.vectors: .*without spaces/,
    );
    for (const space of ['a', 'toString'])
      expect(await codeOf(() => plain.findDuplicates({ radius: 1, space } as never))).toEqual([
        'INVALID_ARGUMENT',
        expect.stringMatching(/^options\.space: /),
      ]);
  });
});

describe('a path', () => {
  test('keeps the spaces; a reopen may name them or not, and may not contradict', async () => {
    const path = join(folder, 'kept');
    {
      await using db = await SageDB.open<Book, 'title' | 'image' | 'sound'>({ path, spaces });
      await filled(db);
      await db.buildIndex();
      await db.flush();
      await db.verify();
      await db.snapshot(join(folder, 'copy'));
    }
    for (const where of [path, join(folder, 'copy')]) {
      await using db = await SageDB.open<Book, 'title' | 'image' | 'sound'>({ path: where });
      expect(db.spaces).toEqual(spaces);
      expect((await db.search([1, 0, 0], { space: 'title' })).map(({ id }) => id)).toEqual(['a', 'd', 'b']);
      expect((await db.get('b', { includeVector: true }))?.vector).toEqual({ title: Float32Array.of(0, 1, 0) });
      expect(db.stats().spaces?.sound).toMatchObject({ dimension: 4, metric: 'ip', rows: 2 });
      await db.verify();
    }
    const mismatch = async (options: object, message: RegExp) => {
      expect(await codeOf(() => SageDB.open({ path, ...options } as never))).toEqual([
        'CONFIG_MISMATCH',
        expect.stringMatching(message),
      ]);
    };
    await mismatch({ dimension: 3 }, /^dimension: .*has spaces \['title', 'image', 'sound'\]/);
    await mismatch({ spaces: { title: { dimension: 3 } } }, /^spaces: /);
    await mismatch(
      { spaces: { ...spaces, image: { dimension: 3 } } },
      /^spaces\.image\.dimension: .* has 2, the option says 3/,
    );
    await mismatch({ spaces: { ...spaces, image: { dimension: 2, metric: 'ip' } } }, /^spaces\.image\.metric/);
    const { sound, image, title } = spaces;
    await using turned = await SageDB.open({ path, spaces: { sound, image: { dimension: image.dimension }, title } });
    expect(Object.keys(turned.spaces)).toEqual(['title', 'image', 'sound']);
    const plain = join(folder, 'plain');
    await (await SageDB.open({ path: plain, dimension: 2 })).close();
    expect((await codeOf(() => SageDB.open({ path: plain, spaces })))[0]).toBe('CONFIG_MISMATCH');
  });

  test('is exported as lines whose vectors are objects, and imported from them', async () => {
    await using db = await open();
    await filled(db);
    const file = join(folder, 'items.jsonl');
    expect(await db.export(file)).toBe(4);
    await using copy = await open();
    expect(await copy.import(file)).toBe(4);
    const items = async (of: typeof db) => {
      const all = await of.find({}, { includeVector: true });
      return all.sort((x, y) => String(x.id).localeCompare(String(y.id)));
    };
    // A unit vector times its length is the vector up to rounding.
    const rounded = (all: unknown) => JSON.stringify(all, (_, x) => (typeof x === 'number' ? Math.round(x * 1e5) : x));
    expect(rounded(await items(copy))).toBe(rounded(await items(db)));
    expect(await copy.import([{ id: 'z', vector: { image: [7, 7] } }])).toBe(1);
    expect((await copy.get('z', { includeVector: true }))?.vector).toEqual({ image: Float32Array.of(7, 7) });
    const [code, message] = await codeOf(() => copy.import([{ vector: { image: [7] } }]));
    expect([code, message]).toEqual(['DIMENSION_MISMATCH', 'item 0: vector.image: expected 2 components, got 1']);
  });
});
