// Property: a search by text ranks as plain BM25 over the live items does, whatever was written, removed, built, compacted or reopened
// before; a hybrid search is the fusion of its two sides.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Id, SageDB } from '../../lib/index.js';
import { Bm25, compareIds, type Scored, wordsOf } from '../support/bm25.js';
import { expectCode, random, randomVector } from '../support/vectors.js';

interface Page {
  title: string;
  body: { text?: string[] };
  kind: number;
}
const FIELDS = ['title', 'body.text'];
const seed = Number(process.env.SAGEDB_SEED ?? Date.now() % 1e9);

const VOCABULARY = [
  ...Array.from({ length: 200 }, (_, i) => `w${i}`),
  ...['Straße', 'STRASSE', 'été', 'ÉTÉ', 'ΣΑΣ', 'σας', '東京', 'は', 'Пётр', 'ПЁТР', '\u{1f600}', '42', 'Ǆ', 'ǆ'],
];

function textOf(next: () => number, longest: number): string {
  const separators = [' ', ', ', '-', ' / ', '\n'];
  let text = '';
  for (let n = Math.floor(next() * (longest + 1)); n > 0; n--) {
    const word = VOCABULARY[Math.floor(VOCABULARY.length ** next()) - 1] as string;
    text += word + separators[Math.floor(next() * separators.length)];
  }
  return text;
}

const pageOf = (next: () => number): Page => ({
  title: textOf(next, 5),
  body: next() < 0.1 ? {} : { text: [textOf(next, 25), textOf(next, 10)] },
  kind: Math.floor(next() * 5),
});

/** Equal ids in the same order, but for items whose scores differ by rounding only. */
function expectRanking(hits: readonly Scored[], expected: readonly Scored[], k: number, say: string): void {
  expect(hits.length, say).toBe(Math.min(k, expected.length));
  const scores = new Map(expected.map(({ id, score }) => [id, score]));
  for (const [i, hit] of hits.entries()) {
    const want = expected[i] as Scored;
    if (hit.id === want.id && hit.score === want.score) continue;
    expect(Math.abs(hit.score - want.score), `${say} rank ${i}`).toBeLessThan(1e-6 * want.score);
    expect(Math.abs(hit.score - (scores.get(hit.id) ?? 0)), `${say} rank ${i}`).toBeLessThan(1e-6 * want.score);
  }
}

test(`random texts, writes, builds, compactions and reopens, seed ${seed}`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sagedb-'));
  try {
    const next = random(seed);
    const path = join(folder, 'db');
    let db = await SageDB.open<Page>({
      path,
      durability: 'async',
      dimension: 2,
      metric: 'l2',
      textFields: FIELDS,
      rebuildThreshold: 50,
    });
    const model = new Map<Id, Page>();
    const someId = () => [...model.keys()][Math.floor(next() * model.size)] as Id;
    const write = async () => {
      const dice = next();
      const vector = randomVector(next, 2);
      if (dice < 0.3 || model.size < 5) {
        const pages = Array.from({ length: 1 + Math.floor(next() * 30) }, () => pageOf(next));
        const ids = await db.addBatch(
          pages.map(() => randomVector(next, 2)),
          pages,
        );
        for (const [i, id] of ids.entries()) model.set(id, pages[i] as Page);
      } else if (dice < 0.45) {
        const [id, metadata] = [someId(), pageOf(next)];
        await db.update(id, { metadata });
        model.set(id, metadata);
      } else if (dice < 0.6) {
        await db.update(someId(), { vector });
      } else if (dice < 0.7) {
        const [id, metadata] = [next() < 0.5 ? someId() : `s${Math.floor(next() * 50)}`, pageOf(next)];
        await db.upsert(vector, metadata, { id });
        model.set(id, metadata);
      } else if (dice < 0.85) {
        const ids = [someId(), someId()];
        await db.remove(ids);
        for (const id of ids) model.delete(id);
      } else {
        const kind = Math.floor(next() * 5);
        const pages = Array.from({ length: 3 }, () => ({ ...pageOf(next), kind }));
        const { ids } = await db.replaceWhere(
          { kind },
          pages.map((metadata) => ({ vector, metadata })),
        );
        for (const [id, page] of model) if (page.kind === kind) model.delete(id);
        for (const [i, id] of ids.entries()) model.set(id, pages[i] as Page);
      }
    };
    let compared = 0;
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 12; i++) await write();
      if (round % 8 === 3) await db.optimize();
      if (round % 8 === 6) {
        await db.close();
        db = await SageDB.open<Page>({ path, durability: 'async' });
      }
      const oracle = new Bm25(model, FIELDS);
      for (let i = 0; i < 8; i++) {
        const text = textOf(next, 5);
        const k = 1 + Math.floor(next() * 30);
        const say = `seed ${seed} round ${round} text ${JSON.stringify(text)}`;
        expectRanking(await db.search({ text, k }), oracle.search(text), k, say);
        const kind = Math.floor(next() * 5);
        const matching = oracle.search(text).filter(({ id }) => model.get(id)!.kind === kind);
        expectRanking(await db.search({ text }, { k, filter: { kind } }), matching, k, `${say} kind ${kind}`);
        const options = { k1: next() * 3, b: next(), weights: { title: 2, 'body.text': 0.5 } };
        const { k1, b, weights } = options;
        expectRanking(await db.search({ text, k, k1, b, fields: weights }), oracle.search(text, options), k, say);
        compared += matching.length;
      }
    }
    expect(compared).toBeGreaterThan(1000);
    await db.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a refresh shows the words of what it shows', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sagedb-'));
  try {
    const next = random(9);
    const path = join(folder, 'db');
    const settings = { path, durability: 'async', dimension: 2, metric: 'l2', textFields: ['title'] } as const;
    let writer = await SageDB.open<Page>(settings);
    const page = () => ({ ...pageOf(next), title: textOf(next, 5) });
    const pages = Array.from({ length: 300 }, page);
    await writer.addBatch(
      pages.map(() => randomVector(next, 2)),
      pages,
    );
    const model = new Map<Id, Page>(pages.map((metadata, i) => [i + 1, metadata]));
    await writer.close();
    writer = await SageDB.open<Page>(settings);
    await using reader = await SageDB.open<Page>({ path, readOnly: true });
    // Items that the checkpoint holds are removed and changed by the log alone; then by a newer checkpoint and by a compaction.
    for (const step of ['log', 'checkpoint', 'compaction']) {
      for (let i = 0; i < 20; i++) {
        const [gone, changed] = [...model.keys()].sort(() => next() - 0.5).slice(0, 2) as [Id, Id];
        const metadata = page();
        await writer.remove([gone]);
        await writer.update(changed, { metadata });
        model.delete(gone);
        model.set(changed, metadata);
      }
      if (step === 'compaction') await writer.optimize();
      if (step === 'checkpoint') {
        await writer.close();
        writer = await SageDB.open<Page>(settings);
      }
      await writer.flush();
      await reader.refresh();
      const oracle = new Bm25(model, ['title']);
      for (let i = 0; i < 20; i++) {
        const text = textOf(next, 5);
        expectRanking(await reader.search({ text, k: 20 }), oracle.search(text), 20, `${step} ${JSON.stringify(text)}`);
      }
    }
    await writer.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('reads one snapshot while writers and compactions run', async () => {
  const next = random(3);
  await using db = await SageDB.open<{ text: string; n: number }>({
    dimension: 2,
    metric: 'l2',
    textFields: ['text'],
    rebuildThreshold: 30,
  });
  // Every version of an item has the word; an update replaces it by another version in one step.
  const item = (n: number) => ({ text: `common v${n} ${textOf(next, 10)}`, n });
  await db.addBatch(
    Array.from({ length: 40 }, () => randomVector(next, 2)),
    Array.from({ length: 40 }, (_, i) => item(i)),
  );
  let writing = true;
  const seen = { searches: 0, wrong: 0 };
  const reader = async () => {
    while (writing) {
      const hits = await db.search({ text: 'common', k: 100, highlight: true });
      seen.searches++;
      const words = hits.every(
        (hit) => hit.highlights?.[0]?.snippet.startsWith('common') && hit.metadata.text.includes(`v${hit.metadata.n} `),
      );
      if (hits.length !== 40 || !words) seen.wrong++;
    }
  };
  const readers = [reader(), reader()];
  for (let i = 0; i < 300; i++) {
    const id = 1 + Math.floor(next() * 40);
    await db.update(
      id,
      i % 3 === 0 ? { vector: randomVector(next, 2) } : { metadata: item(i), vector: randomVector(next, 2) },
    );
    if (i % 100 === 50) await db.optimize();
    if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  writing = false;
  await Promise.all(readers);
  expect(seen.wrong).toBe(0);
  expect(seen.searches).toBeGreaterThan(50);
});

const gloss = new URL('../../../shared/data/gloss/meta.jsonl.gz', import.meta.url);
if (!existsSync(gloss)) console.warn(`SKIPPED: BM25 on the gloss texts: ${gloss.pathname} is not there`);
test.runIf(existsSync(gloss))('ranks the gloss texts as plain BM25', async () => {
  const rows = gunzipSync(readFileSync(gloss))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { words: string[]; definition: string; pos: string });
  const next = random(seed);
  await using db = await SageDB.open<(typeof rows)[0]>({
    dimension: 1,
    metric: 'l2',
    textFields: ['definition', 'words'],
    index: { type: 'flat' },
  });
  const start = performance.now();
  await db.addBatch(new Float32Array(rows.length), rows);
  const loaded = performance.now() - start;
  const oracle = new Bm25(
    rows.map((row, i) => [i + 1, row]),
    ['definition', 'words'],
  );
  let spent = 0;
  for (let i = 0; i < 200; i++) {
    const words = rows[Math.floor(next() * rows.length)]!.definition.split(' ');
    const text = Array.from(
      { length: 1 + Math.floor(next() * 6) },
      () => words[Math.floor(next() * words.length)],
    ).join(' ');
    const before = performance.now();
    const hits = await db.search({ text, k: 20 });
    spent += performance.now() - before;
    expectRanking(hits, oracle.search(text), 20, `seed ${seed} ${text}`);
  }
  const { memory } = db.stats();
  console.log(
    `gloss: ${rows.length} items in ${loaded.toFixed(0)} ms, ${(spent / 200).toFixed(2)} ms a search, text index ${(memory.text / 2 ** 20).toFixed(0)} MiB`,
  );
});

describe('hybrid', () => {
  const next = random(11);
  const pages = Array.from({ length: 400 }, () => pageOf(next));
  const vectors = pages.map(() => randomVector(next, 8));

  test.each(['l2', 'cosine', 'ip'] as const)('rrf and weights are the fusion of both sides: %s', async (metric) => {
    await using db = await SageDB.open<Page>({ dimension: 8, metric, textFields: FIELDS });
    await db.addBatch(vectors, pages);
    for (let i = 0; i < 20; i++) {
      const [text, vector] = [`w1 w2 w5 ${textOf(next, 4)}`, randomVector(next, 8)];
      const filter = i % 2 === 0 ? undefined : { kind: 1 };
      const [near, found, fused, all] = await Promise.all([
        db.search(vector, { k: 100, exact: true, filter }),
        db.search({ text, k: 100, filter }),
        db.search({ vector, text, k: 10, exact: true, filter }),
        db.search(vector, { k: 400, exact: true }),
      ]);
      const ranks = new Map<Id, number>();
      for (const list of [near, found]) {
        for (const [rank, hit] of list.entries()) ranks.set(hit.id, (ranks.get(hit.id) ?? 0) + 1 / (61 + rank));
      }
      const byRank = [...ranks].sort((x, y) => Math.fround(y[1]) - Math.fround(x[1]) || compareIds(x[0], y[0]));
      expect(fused.map((hit) => hit.id)).toEqual(byRank.slice(0, 10).map(([id]) => id));

      const weights = { vector: 0.3, text: 0.7 };
      const weighted = await db.search({ vector, text, fusion: { weights }, k: 10, exact: true, filter });
      const similarity = new Map(all.map((hit) => [hit.id, metric === 'l2' ? -hit.score : hit.score]));
      const byText = new Map((await db.search({ text, k: 1000 })).map((hit) => [hit.id, hit.score]));
      const ids = [...ranks.keys()];
      const similarities = ids.map((id) => similarity.get(id) as number);
      const [least, greatest] = [Math.min(...similarities), Math.max(...similarities)];
      const most = Math.max(...ids.map((id) => byText.get(id) ?? 0));
      const scores = ids.map(
        (id, j) => (0.3 * (similarities[j]! - least)) / (greatest - least) + (0.7 * (byText.get(id) ?? 0)) / most,
      );
      const best = scores.sort((x, y) => y - x).slice(0, 10);
      for (const [j, hit] of weighted.entries()) expect(hit.score).toBeCloseTo(best[j] as number, 4);
      for (const hit of fused) if (filter) expect(hit.metadata.kind).toBe(1);
    }
  });

  test('refinements apply; options stand in the query or beside it', async () => {
    await using db = await SageDB.open<Page>({ dimension: 8, metric: 'l2', textFields: FIELDS });
    await db.addBatch(vectors, pages);
    const text = 'w1 w2 w3';
    const plain = await db.search({ text, k: 50 });
    expect(await db.search({ text, k: 10, offset: 5 })).toEqual(plain.slice(5, 15));
    const grouped = await db.search({ text }, { k: 5, groupBy: 'kind' });
    expect(new Set(grouped.map((hit) => hit.metadata.kind)).size).toBe(grouped.length);
    const reversed = await db.search({ text, k: 50, candidates: 50, rerank: (hits) => [...hits].reverse() });
    expect(reversed.map((hit) => hit.id)).toEqual(plain.map((hit) => hit.id).reverse());
    const bare = await db.search({ text, k: 3, includeMetadata: false, includeVector: true, highlight: true });
    expect(Object.keys(bare[0]!).sort()).toEqual(['highlights', 'id', 'score', 'vector']);
    expect(await db.search({ text: '!!! …' })).toEqual([]);
    expect(await db.search({ text: 'nowhere' })).toEqual([]);
    const [nearest] = await db.search(vectors[7]!, { k: 1 });
    expect((await db.search({ text: '', vector: vectors[7]!, k: 1 }))[0]!.id).toBe(nearest!.id);
  });
});

test('highlights say where the words stand, in JavaScript positions', async () => {
  await using db = await SageDB.open<{ title?: string; tags?: unknown[] }>({
    dimension: 1,
    metric: 'l2',
    textFields: ['title', 'tags'],
  });
  const long = `${'filler '.repeat(60)}needle in the hay, needle ${'filler '.repeat(60)}`;
  await db.addBatch(
    [[1], [2], [3]],
    [{ title: '\u{1f600} Big-NEEDLE!', tags: ['x', 5, 'a needle'] }, { title: long }, {}],
  );
  const hits = await db.search({ text: 'needle HAY', highlight: true });
  const byId = new Map(hits.map((hit) => [hit.id, hit.highlights!]));
  expect(byId.get(1)).toEqual([
    { field: 'title', ranges: [[7, 13]], snippet: '\u{1f600} Big-NEEDLE!', snippetRanges: [[7, 13]] },
    { field: 'tags', element: 2, ranges: [[2, 8]], snippet: 'a needle', snippetRanges: [[2, 8]] },
  ]);
  const [found] = byId.get(2)!;
  expect(found!.ranges.map(([from, to]) => long.slice(from, to))).toEqual(['needle', 'hay', 'needle']);
  expect(found!.snippetRanges.map(([from, to]) => found!.snippet.slice(from, to))).toEqual(['needle', 'hay', 'needle']);
  expect(long).toContain(found!.snippet);
  expect(found!.snippet.length).toBeLessThanOrEqual(160);
  expect(found!.snippet.length).toBeGreaterThan(120);
  expect(found!.snippet).toMatch(/^filler .*filler$/);
  expect((await db.search({ text: 'needle', fields: ['tags'], highlight: true }))[0]!.highlights).toHaveLength(1);
  // A hit that only its vector brought has none.
  const hybrid = await db.search({ text: 'needle', vector: [3], highlight: true });
  expect(hybrid.find((hit) => hit.id === 3)!.highlights).toEqual([]);
});

describe('the option textFields', () => {
  test('is stored; what contradicts is refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sagedb-'));
    try {
      const path = join(folder, 'db');
      const db = await SageDB.open({ path, dimension: 1, metric: 'l2', textFields: ['a', 'b.c'] });
      await db.addBatch([[1], [2]], [{ a: 'one two' }, { b: { c: 'one' } }]);
      const before = await db.search({ text: 'one' });
      await db.close();
      for (const textFields of [[], ['a'], ['b.c', 'a']]) {
        await expectCode(() => SageDB.open({ path, textFields }), 'CONFIG_MISMATCH', /textFields.*\['a', 'b\.c'\]/);
      }
      await using again = await SageDB.open({ path, textFields: ['a', 'b.c'] });
      expect(await again.search({ text: 'one' })).toEqual(before);
      expect(before.map((hit) => hit.id)).toEqual([1, 2]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test.each([[['a', 'a']], [['']], [['$a']], [[5]], ['a'], [Array.from({ length: 65 }, (_, i) => `f${i}`)]])(
    '%j is refused',
    async (textFields) => {
      await expectCode(
        () => SageDB.open({ dimension: 1, textFields: textFields as never }),
        'INVALID_ARGUMENT',
        /options\.textFields/,
      );
    },
  );
});

test('bad queries are refused', async () => {
  await using db = await SageDB.open({ dimension: 2, textFields: ['a'] });
  await using without = await SageDB.open({ dimension: 2 });
  await db.add([1, 0], { a: 'x' });
  const bad: [unknown, unknown, RegExp][] = [
    [{ text: 5 }, undefined, /query\.text/],
    [{ text: 'x', fusion: 'rrf' }, undefined, /query\.vector/],
    [{ text: 'x', vector: [1, 0], fusion: 'sum' }, undefined, /query\.fusion/],
    [{ text: 'x', vector: [1, 0], fusion: { weights: { vector: 0, text: 0 } } }, undefined, /weights/],
    [{ text: 'x', vector: [1, 0], fusion: { weights: { vector: -1, text: 1 } } }, undefined, /weights\.vector/],
    [{ text: 'x', vector: [1, 0], fusion: { weights: { vector: 1 } } }, undefined, /weights\.text/],
    [{ text: 'x', fields: ['b'] }, undefined, /query\.fields/],
    [{ text: 'x', fields: { a: 0 } }, undefined, /query\.fields/],
    [{ text: 'x', fields: { a: Number.NaN } }, undefined, /query\.fields\.a/],
    [{ text: 'x', k1: -1 }, undefined, /query\.k1/],
    [{ text: 'x', b: 1.5 }, undefined, /query\.b/],
    [{ text: 'x', highlight: 1 }, undefined, /query\.highlight/],
    [{ text: 'x', k: 0 }, undefined, /options\.k/],
    [{ text: 'x', k: 5 }, { k: 5 }, /options\.k: stands in the query/],
    [{ text: 'x', radius: 1 }, undefined, /options\.radius/],
    [{ text: 'x' }, { ef: 5 }, /options\.ef/],
    [{ text: 'x', vector: [1, 0], diversity: 0.5 }, undefined, /options\.diversity/],
    [{ text: 'x', words: 'y' }, undefined, /query\.words: no such option/],
  ];
  for (const [query, options, message] of bad) {
    await expectCode(() => db.search(query as never, options as never), 'INVALID_ARGUMENT', message);
  }
  await expectCode(() => db.search({ text: 'x', vector: [1] }), 'DIMENSION_MISMATCH');
  await expectCode(() => db.search({ text: 'x', vector: [0, 0] }), 'INVALID_VECTOR');
  await expectCode(() => db.search({ text: 'x', filter: { $x: 1 } as never }), 'INVALID_FILTER');
  await expectCode(() => without.search({ text: 'x' }), 'INVALID_ARGUMENT', /without textFields/);
  const stop = new AbortController();
  stop.abort();
  await expectCode(() => db.search({ text: 'x', signal: stop.signal }), 'ABORTED');
  expect(wordsOf('x')).toEqual(['x']);
});
