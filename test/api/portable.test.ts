// Property: what export() writes, import() reads back as the same items, by folder, by file and as a stream, whatever ids, metadata and vectors are;
// damaged input is an error that names the line, and batches are whole.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { access, mkdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readNpy } from '../../bench/data/vector-file.js';
import { FileWriter } from '../../lib/files/file-writer.js';
import { type Id, type ImportItem, type JsonValue, type Metadata, SageDB } from '../../lib/index.js';
import { errorOf, expectCode, random, randomFlat, randomVector } from '../support/vectors.js';

vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof import('node:fs/promises')>();
  return { ...fs, access: vi.fn(fs.access), mkdir: vi.fn(fs.mkdir), rm: vi.fn(fs.rm) };
});

let folder: string;
const at = (name: string) => join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sagedb-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const TEXTS = [
  '',
  'plain',
  'line\nbreak\r\n',
  '"quotes"\\',
  'ünïcödé',
  '🙂',
  '\ud800 alone',
  '\u2028',
  '__proto__',
  '{"a":1}',
];

function randomJson(next: () => number, depth: number): JsonValue {
  const pick = Math.floor(next() * (depth > 3 ? 5 : 7));
  if (pick === 0) return TEXTS[Math.floor(next() * TEXTS.length)] as string;
  if (pick === 1) return (next() - 0.5) * 10 ** Math.floor(next() * 40 - 20);
  if (pick === 2) return Math.floor(next() * 1000);
  if (pick === 3) return next() < 0.5;
  if (pick === 4) return null;
  if (pick === 5) return Array.from({ length: Math.floor(next() * 4) }, () => randomJson(next, depth + 1));
  return Object.fromEntries(
    Array.from({ length: Math.floor(next() * 4) }, (_, i) => [
      `${TEXTS[Math.floor(next() * TEXTS.length)]}${i}`,
      randomJson(next, depth + 1),
    ]),
  );
}

async function randomDatabase(seed: number, metric: 'l2' | 'ip' | 'cosine', rows: number): Promise<SageDB> {
  const next = random(seed);
  const dimension = 1 + Math.floor(next() * 40);
  const db = await SageDB.open({ dimension, metric });
  for (let i = 0; i < rows; i++) {
    const id: Id = next() < 0.5 ? i * (next() < 0.5 ? 1 : -1) : `${TEXTS[i % TEXTS.length]}${i}`;
    void db.upsert(randomVector(next, dimension), { x: randomJson(next, 0), ['__proto__']: 1 }, { id });
  }
  await db.flush();
  await db.remove(Array.from({ length: rows / 10 }, (_, i) => i * 7));
  return db;
}

type Row = { id: Id; metadata: Metadata; vector: Float32Array };
async function contentOf(db: SageDB): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const item of db.iterate(undefined, { includeVector: true })) rows.push(item);
  return rows;
}

function expectSame(got: Row[], want: Row[], exact: boolean): void {
  expect(got.map(({ id, metadata }) => [id, metadata])).toEqual(want.map(({ id, metadata }) => [id, metadata]));
  for (const [i, { vector }] of got.entries()) {
    const expected = want[i]?.vector as Float32Array;
    if (exact) expect(vector).toEqual(expected);
    else for (const [d, x] of vector.entries()) expect(x).toBeCloseTo(expected[d] as number, 5);
  }
}

describe('round trip', () => {
  test.each(['l2', 'ip', 'cosine'] as const)('%s', async (metric) => {
    const seed = Math.trunc(Math.random() * 2 ** 31);
    console.log(`seed ${seed}`);
    await using db = await randomDatabase(seed, metric, 700);
    const want = await contentOf(db);
    // Cosine keeps vectors at unit length: reading and writing one again may round.
    const exact = metric !== 'cosine';
    for (const name of ['folder', 'one.jsonl']) {
      expect(await db.export(at(name))).toBe(want.length);
      await using copy = await SageDB.open({ dimension: db.dimension, metric });
      expect(await copy.import(at(name), { batchSize: 64 })).toBe(want.length);
      expectSame(await contentOf(copy), want, exact);
    }
    await using streamed = await SageDB.open({ dimension: db.dimension, metric });
    expect(await streamed.import(db.iterate(undefined, { includeVector: true }))).toBe(want.length);
    expectSame(await contentOf(streamed), want, exact);
    await using piped = await SageDB.open({ dimension: db.dimension, metric });
    expect(await piped.import(Readable.from(want), { batchSize: 100 })).toBe(want.length);
    expectSame(await contentOf(piped), want, exact);
  });

  test('a negative zero stays one', async () => {
    await using db = await SageDB.open({ dimension: 3, metric: 'l2' });
    await db.add([-0, 0, -1e-45]);
    for (const name of ['zero', 'zero.jsonl']) {
      await db.export(at(name));
      await using copy = await SageDB.open({ dimension: 3, metric: 'l2' });
      await copy.import(at(name));
      // toEqual tells -0 from 0.
      expect((await contentOf(copy))[0]?.vector).toEqual(Float32Array.of(-0, 0, -1e-45));
    }
    expect(readFileSync(at('zero.jsonl'), 'utf8')).toContain('[-0,0,-1.401298464324817e-45]');
  });

  test('the files are what others read: JSON Lines and npy', async () => {
    await using db = await SageDB.open({ dimension: 2, metric: 'l2' });
    await db.add([1, 2.5], { a: 'x' }, { id: 'first' });
    await db.add([-3, 4]);
    await db.export(at('out'));
    expect(readFileSync(at('out/items.jsonl'), 'utf8')).toBe(
      '{"id":"first","metadata":{"a":"x"}}\n{"id":1,"metadata":{}}\n',
    );
    expect(readNpy(at('out/vectors.npy'))).toEqual({
      rows: 2,
      dimension: 2,
      values: Float32Array.of(1, 2.5, -3, 4),
    });
  });

  test('a filter, one snapshot, progress, and no memory for the whole', async () => {
    const rows = 20_000;
    await using db = await SageDB.open<{ n: number }>({ dimension: 64, metric: 'l2', index: { type: 'flat' } });
    const data = randomFlat(random(5), rows, 64);
    await db.addBatch(
      data,
      Array.from({ length: rows }, (_, n) => ({ n })),
    );
    expect(await db.export(at('some'), { filter: { n: { $lt: 100 } } })).toBe(100);
    const progress: number[] = [];
    const writing = db.export(at('all'), { onProgress: ({ done }) => progress.push(done) });
    await Promise.all(Array.from({ length: 50 }, (_, i) => db.add(data.subarray(0, 64), { n: -i })));
    const exported = await writing;
    expect(exported).toBeGreaterThanOrEqual(rows);
    expect(progress.at(-1)).toBe(exported);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(statSync(at('all/vectors.npy')).size).toBe(128 + exported * 64 * 4);
    await using copy = await SageDB.open({ dimension: 64, metric: 'l2', index: { type: 'flat' } });
    const steps: number[] = [];
    await copy.import(at('all'), { onProgress: ({ done, total }) => steps.push(done / total) });
    expect(steps.at(-1)).toBe(1);
    expect(steps.length).toBeGreaterThan(15);
    expect(copy.size).toBe(exported);
  });
});

describe('import', () => {
  const items = (...lines: string[]) => {
    writeFileSync(at('in.jsonl'), lines.join('\n'));
    return at('in.jsonl');
  };
  const good = '{"id":1,"vector":[1,2]}';

  let db: SageDB;
  beforeEach(async () => {
    db = await SageDB.open({ dimension: 2, metric: 'l2' });
  });
  afterEach(() => db.close());

  test.each([
    ['not JSON', '{"id":2,"vector":[1,2]', 'CORRUPTION'],
    ['not an object', '[1,2]', 'CORRUPTION'],
    ['no vector', '{"id":2}', 'CORRUPTION'],
    ['too few components', '{"id":2,"vector":[1]}', 'DIMENSION_MISMATCH'],
    ['not a number', '{"id":2,"vector":[1,"2"]}', 'INVALID_VECTOR'],
    ['beyond 32 bits', '{"id":2,"vector":[1,1e300]}', 'INVALID_VECTOR'],
    ['id of another type', '{"id":{},"vector":[1,2]}', 'INVALID_ID'],
    ['id beyond 2^53', '{"id":9007199254740993,"vector":[1,2]}', 'INVALID_ID'],
    ['metadata of another type', '{"id":2,"vector":[1,2],"metadata":[]}', 'INVALID_METADATA'],
    ['a field that would get lost', '{"id":2,"vector":[1,2],"text":"hello"}', 'INVALID_ARGUMENT'],
  ] as const)('refuses and names the line: %s', async (_, line, code) => {
    await expectCode(() => db.import(items(good, '', line, good)), code, /in\.jsonl:3: /);
    expect(db.size).toBe(0);
  });

  test('refuses bytes that are not UTF-8', async () => {
    writeFileSync(
      at('in.jsonl'),
      Buffer.concat([Buffer.from(`${good}\n{"id":"`), Buffer.of(0xff), Buffer.from('"}\n')]),
    );
    await expectCode(() => db.import(at('in.jsonl')), 'CORRUPTION', /in\.jsonl:2: not UTF-8/);
  });

  test('batches are atomic: those before the bad one stay', async () => {
    const lines = Array.from({ length: 10 }, (_, i) => `{"id":${i === 7 ? 6 : i},"vector":[${i},0]}`);
    await expectCode(
      () => db.import(items(...lines), { batchSize: 4 }),
      'DUPLICATE_ID',
      /in\.jsonl:5 to .*:8, after 4 items/,
    );
    expect(db.size).toBe(4);
    await expectCode(() => db.import(items(good)), 'DUPLICATE_ID');
    expect(await db.import(items('{"id":1,"vector":[9,9],"metadata":{"new":true}}'), { replace: true })).toBe(1);
    expect((await db.get(1))?.metadata).toEqual({ new: true });
  });

  test('items without an id get numbers, also between others', async () => {
    const ids = ['"a"', 'undefined', 'undefined', '"b"', 'undefined'];
    const lines = ids.map((id) => (id === 'undefined' ? '{"vector":[1,1]}' : `{"id":${id},"vector":[1,2]}`));
    expect(await db.import(items(...lines))).toBe(5);
    expect((await db.find({})).map((item) => item.id)).toEqual(['a', 1, 2, 'b', 3]);
  });

  test('files that do not belong together', async () => {
    await db.addBatch([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    await db.export(at('out'));
    const lines = readFileSync(at('out/items.jsonl'), 'utf8').split('\n');
    const vectors = readFileSync(at('out/vectors.npy'));
    await using empty = await SageDB.open({ dimension: 2, metric: 'l2' });
    const attempt = (jsonl: string[], npy: Buffer) => {
      writeFileSync(at('out/items.jsonl'), jsonl.join('\n'));
      writeFileSync(at('out/vectors.npy'), npy);
      return () => empty.import(at('out'), { batchSize: 1, replace: true });
    };
    await expectCode(attempt(lines.slice(0, 2), vectors), 'CORRUPTION', /2 lines for the 3 rows/);
    await expectCode(attempt([...lines.slice(0, 3), '{}'], vectors), 'CORRUPTION', /items\.jsonl:4: .*only 3 rows/);
    const twice = attempt(['{"id":1,"vector":[1,2]}', ...lines.slice(1)], vectors);
    await expectCode(twice, 'INVALID_ARGUMENT', /items\.jsonl:1: unknown field "vector"; an item has id, metadata, /);
    await expectCode(
      attempt(lines, vectors.subarray(0, -1)),
      'CORRUPTION',
      /vectors\.npy: 151 bytes long, expected 152/,
    );
    await expectCode(attempt(lines, vectors.subarray(0, 50)), 'CORRUPTION', /vectors\.npy: ends in its header/);
    await using wide = await SageDB.open({ dimension: 3 });
    attempt(lines, vectors);
    await expectCode(() => wide.import(at('out')), 'DIMENSION_MISMATCH', /vectors of 2 components, the database has 3/);
  });

  test('bad arguments, missing and occupied places', async () => {
    await expectCode(() => db.import(at('none')), 'NOT_FOUND');
    await expectCode(() => db.import(at('none.jsonl')), 'NOT_FOUND');
    await expectCode(() => db.import(5 as never), 'INVALID_ARGUMENT', /a path or an iterable/);
    await expectCode(() => db.import([{ vector: [1, 2], extra: 1 } as never]), 'INVALID_ARGUMENT', /item 0/);
    await expectCode(() => db.import([], { batchSize: 0 }), 'INVALID_ARGUMENT');
    await expectCode(() => db.export(at('x'), { nonsense: 1 } as never), 'INVALID_ARGUMENT');
    mkdirSync(at('full'));
    writeFileSync(at('full/other'), '');
    await expectCode(() => db.export(at('full')), 'INVALID_ARGUMENT', /not empty/);
    writeFileSync(at('there.jsonl'), 'mine');
    await expectCode(() => db.export(at('there.jsonl')), 'INVALID_ARGUMENT');
    expect(readFileSync(at('there.jsonl'), 'utf8')).toBe('mine');
  });

  test('an abort and an error of the source end it; an aborted export leaves nothing', async () => {
    const stop = new AbortController();
    async function* endless(): AsyncGenerator<ImportItem> {
      for (let i = 0; ; i++) {
        if (i === 250) stop.abort();
        yield { vector: [i, 0] };
      }
    }
    const error = await errorOf(() => db.import(endless(), { batchSize: 100, signal: stop.signal }));
    expect(error.code).toBe('ABORTED');
    expect(db.size).toBe(200);
    const broke = await readFile(at('none')).catch((failure: unknown) => failure);
    const failing = Readable.from(
      (function* () {
        yield { vector: [1, 1] };
        throw broke;
      })(),
    );
    // The caller's own, although it is an error of a file.
    await expect(db.import(failing)).rejects.toBe(broke);
    expect(db.size).toBe(200);
    await db.addBatch(randomFlat(random(1), 1000, 2));
    mkdirSync(at('there'));
    for (const target of ['next', 'a/b/next', 'there/b/next', 'c/kept/next']) {
      const late = new AbortController();
      const onProgress = () => {
        if (target === 'c/kept/next') writeFileSync(at('c/others'), '');
        late.abort();
      };
      await expectCode(() => db.export(at(target), { signal: late.signal, onProgress }), 'ABORTED');
    }
    expect(readdirSync(folder).sort()).toEqual(['c', 'there']);
    expect(readdirSync(at('there'))).toEqual([]);
    expect(readdirSync(at('c'))).toEqual(['others']);
  });
});

test('what a source gives may change once it has been asked for more', async () => {
  await using db = await SageDB.open<{ n: number; list: number[] }>({ dimension: 2, metric: 'l2' });
  const [metadata, vector] = [{ n: 0, list: [0] }, new Float32Array(2)];
  function* source() {
    for (let i = 0; i < 10; i++) {
      metadata.n = metadata.list[0] = vector[0] = i;
      yield { id: i, vector, metadata };
    }
  }
  expect(await db.import(source())).toBe(10);
  for await (const { id, metadata: found, vector: floats } of db.iterate(undefined, { includeVector: true }))
    expect([found.n, found.list[0], floats?.[0]]).toEqual([id, id, id]);
});

test('a signal ends an import whose source is silent', async () => {
  await using db = await SageDB.open({ dimension: 2, metric: 'l2' });
  const controller = new AbortController();
  let returned = false;
  let goOn = () => {};
  async function* source() {
    try {
      yield { vector: [1, 2] };
      await new Promise<void>((resolve) => {
        goOn = resolve;
        setTimeout(() => controller.abort('enough'), 20);
      });
      yield { vector: [3, 4] };
    } finally {
      returned = true;
    }
  }
  const error = await errorOf(() => db.import(source(), { signal: controller.signal }));
  expect([error.code, error.cause]).toEqual(['ABORTED', 'enough']);
  expect(db.size).toBe(0);
  goOn();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(returned).toBe(true);
});

test('an export to a read-only file system says so', async () => {
  await using db = await SageDB.open({ dimension: 2 });
  const failure = (code: string) =>
    Object.assign(new Error(`${code}: its text`), { code, syscall: 'mkdir', path: at('out') });
  // What Node makes of it.
  vi.mocked(mkdir).mockRejectedValueOnce(failure('ENOENT'));
  vi.mocked(access).mockRejectedValueOnce(failure('EROFS'));
  await expectCode(() => db.export(at('out')), 'PERMISSION_DENIED', /EROFS/);
  vi.mocked(mkdir).mockRejectedValueOnce(failure('ENOENT'));
  await expectCode(() => db.export(at('out')), 'NOT_FOUND', /no such file or folder/);
});

describe('an export that fails at its end', () => {
  const failure = Object.assign(new Error('EIO: i/o error'), { code: 'EIO', syscall: 'close' });
  afterEach(() => vi.restoreAllMocks());

  test('closes every file, and leaves none', async () => {
    await using db = await SageDB.open({ dimension: 2, metric: 'l2' });
    await db.add([1, 2]);
    const { close } = FileWriter.prototype;
    const closing = vi.spyOn(FileWriter.prototype, 'close').mockImplementationOnce(async function (this: FileWriter) {
      await close.call(this);
      throw failure;
    });
    await expectCode(() => db.export(at('out')), 'IO_ERROR', /EIO/);
    expect(closing).toHaveBeenCalledTimes(2);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('leaves no second name either', async () => {
    await using db = await SageDB.open({ dimension: 2, metric: 'l2' });
    vi.mocked(rm).mockRejectedValueOnce(failure);
    await expectCode(() => db.export(at('out.jsonl')), 'IO_ERROR', /EIO/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a signal that fires while nobody waits for the source', () => {
  let db: SageDB;
  beforeEach(async () => {
    db = await SageDB.open({ dimension: 2, metric: 'l2' });
    writeFileSync(at('many.jsonl'), Array.from({ length: 3000 }, (_, i) => `{"id":${i},"vector":[${i},1]}\n`).join(''));
  });
  afterEach(() => db.close());

  test.each(['in onProgress', 'after a batch'])('%s: ABORTED, never a part as if it were the whole', async (when) => {
    const stop = new AbortController();
    const onProgress = () => stop.abort('enough');
    if (when === 'after a batch') {
      const { addBatch } = db;
      db.addBatch = ((...args: Parameters<typeof addBatch>) =>
        addBatch.apply(db, args).finally(() => stop.abort('enough'))) as typeof addBatch;
    }
    const options = { batchSize: 100, signal: stop.signal, ...(when === 'in onProgress' && { onProgress }) };
    const error = await errorOf(() => db.import(at('many.jsonl'), options));
    expect([error.code, error.cause, db.size]).toEqual(['ABORTED', 'enough', 100]);
  });

  test('right after the call: the file is closed, and the source of the caller has ended', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const linux = process.platform === 'linux';
    const before = linux && descriptors();
    const abortedSoon = (source: string | AsyncIterable<ImportItem>) => {
      const stop = new AbortController();
      queueMicrotask(() => stop.abort());
      return expectCode(() => db.import(source, { signal: stop.signal }), 'ABORTED');
    };
    for (let i = 0; i < 20; i++) await abortedSoon(at('many.jsonl'));
    let ended = false;
    async function* endless() {
      try {
        for (;;) yield { vector: [1, 2] };
      } finally {
        ended = true;
      }
    }
    await abortedSoon(endless());
    await vi.waitFor(() => expect([ended, linux && descriptors()]).toEqual([true, before]));
    expect(db.size).toBe(0);
  });
});

test("a .jsonl export has its name when it is whole, and takes nobody else's", async () => {
  await using db = await SageDB.open({ dimension: 2, metric: 'l2' });
  await db.addBatch(randomFlat(random(1), 2000, 2));
  const seen: string[][] = [];
  const look = () => void seen.push(readdirSync(folder));
  expect(await db.export(at('whole.jsonl'), { onProgress: ({ done }) => done < 2000 && look() })).toBe(2000);
  expect(seen.length).toBeGreaterThan(2);
  for (const names of seen) expect(names).toEqual([expect.stringMatching(/^whole\.jsonl\.[0-9a-f]{8}\.tmp$/)]);
  expect(readdirSync(folder)).toEqual(['whole.jsonl']);
  const taken = () => writeFileSync(at('taken.jsonl'), 'mine');
  await expectCode(() => db.export(at('taken.jsonl'), { onProgress: taken }), 'INVALID_ARGUMENT', /exists already/);
  expect(readFileSync(at('taken.jsonl'), 'utf8')).toBe('mine');
  expect(readdirSync(folder).toSorted()).toEqual(['taken.jsonl', 'whole.jsonl']);
});
