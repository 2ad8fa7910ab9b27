// Property: the commands on a folder say what the library says of it, refuse what is no database, and leave a folder that they only
// read as it was.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { sagedb } from '../support/cli.js';

const ROWS = 300;
let folder: string;
let path: string;

/** Names, sizes and times of the files of the database. */
async function fingerprint(): Promise<string[]> {
  const names = (await readdir(path)).sort();
  return Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(path, name));
      return `${name} ${size} ${mtimeMs}`;
    }),
  );
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sagedb-cli-'));
  path = join(folder, 'db');
  await using db = await SageDB.open({ path, dimension: 3, metric: 'l2' });
  const ids = Array.from({ length: ROWS }, (_, i) => (i === 7 ? '7' : i));
  await db.addBatch(
    ids.map((_, i) => [i, i % 7, 0]),
    ids.map((_, i) => ({ kind: i % 2 ? 'odd' : 'even', place: { row: i }, tags: ['a', `t${i % 3}`] })),
    { ids },
  );
  await db.remove([3, 4]);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('info', () => {
  it('prints the statistics and the metadata fields', async () => {
    const before = await fingerprint();
    const [text, json] = await Promise.all([sagedb(['info', path]), sagedb(['info', path, '--json'])]);
    expect([text.code, json.code, text.stderr + json.stderr]).toEqual([0, 0, '']);
    expect(text.stdout).toMatch(/^items\s+298$/m);
    expect(text.stdout).toMatch(/^metric\s+l2$/m);
    const report = JSON.parse(json.stdout);
    expect(report).toMatchObject({ size: ROWS - 2, dimension: 3, metric: 'l2', sequence: 2 });
    expect(report.fields.map((field: { path: string }) => field.path)).toEqual(['kind', 'place.row', 'tags']);
    expect(report.fields[0]).toMatchObject({ share: 1, types: ['string'], distinct: 2 });
    expect(report.fields[1]).toMatchObject({ types: ['number'], range: [0, ROWS - 1] });
    expect(report.fields[2]).toMatchObject({ types: ['array'], distinct: 4 });
    expect(await fingerprint()).toEqual(before);
  });
});

describe('a database with spaces', () => {
  it('is described, searched, exported, and not served', async () => {
    const spaces = join(folder, 'spaces');
    {
      await using db = await SageDB.open({
        path: spaces,
        spaces: { title: { dimension: 3 }, image: { dimension: 2, metric: 'l2' } },
      });
      await db.addBatch([{ title: [1, 0, 0], image: [1, 2] }, { image: [3, 4] }], undefined, { ids: ['a', 'b'] });
    }
    const query = ['search', spaces, '--vector', '[3, 4]', '--json', '--include-vector'];
    const [info, found, needed, exported, served] = await Promise.all([
      sagedb(['info', spaces]),
      sagedb([...query, '--space', 'image', '-k', '1']),
      sagedb(query),
      sagedb(['export', spaces, join(folder, 'spaces.jsonl')]),
      sagedb(['serve', spaces, '--port', '0']),
    ]);
    expect(info.stdout).toMatch(/^space title\s+3 components, cosine, 1 rows/m);
    expect(info.stdout).toMatch(/^space image\s+2 components, l2, 2 rows/m);
    expect(JSON.parse(found.stdout)).toEqual([{ id: 'b', score: 0, metadata: {}, vector: { image: [3, 4] } }]);
    expect([needed.code, needed.stdout + needed.stderr]).toEqual([
      expect.any(Number),
      expect.stringMatching(/options\.space: expected one of the spaces/),
    ]);
    expect(needed.code).not.toBe(0);
    expect(exported.code).toBe(0);
    const lines = (await readFile(join(folder, 'spaces.jsonl'), 'utf8')).trim().split('\n');
    expect(lines.map((line) => Object.keys(JSON.parse(line).vector))).toEqual([['title', 'image'], ['image']]);
    expect(served.code).not.toBe(0);
    expect(served.stderr).toMatch(/expected one without spaces/);
  });
});

describe('search', () => {
  it('takes vectors from a file or standard input, one or many, in JSON or plain', async () => {
    const file = join(folder, 'query.json');
    await writeFile(file, '[10.2, 3, 0]');
    const expected = await SageDB.open({ path, readOnly: true });
    const one = await expected.search([10.2, 3, 0], { k: 2 });
    const two = await expected.search([50, 1, 0], { k: 2 });
    await expected.close();
    const args = ['search', path, '--json', '-k', '2', '--vector'];
    const [fromFile, given, plain, missing, fromInput, nested, text] = await Promise.all([
      sagedb([...args, file]),
      sagedb([...args, '[10.2, 3, 0]']),
      sagedb([...args, '10.2,3 0']),
      sagedb(['search', path, '--vector', 'query.jsn']),
      sagedb([...args, '-'], '10.2 3 0\n50,1,0\n'),
      sagedb([...args, '-'], '[[10.2, 3, 0],\n [50, 1, 0]]'),
      sagedb(['search', path, '--vector', file, '-k', '1']),
    ]);
    expect(JSON.parse(fromFile.stdout)).toEqual(one);
    expect(JSON.parse(given.stdout)).toEqual(one);
    expect(JSON.parse(plain.stdout)).toEqual(one);
    expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining('query.jsn is neither a file nor a')]);
    expect(JSON.parse(fromInput.stdout)).toEqual([one, two]);
    expect(JSON.parse(nested.stdout)).toEqual([one, two]);
    expect(text.stdout.trim()).toMatch(/^1 +0\.2000 {2}10 {2}\{"kind":"even".*\}$/);
  });

  it('searches like a stored item, with a filter; a number and its string are two ids', async () => {
    const args = ['search', path, '--json', '--include-vector', '-k', '1'];
    const [byNumber, byString, missing] = await Promise.all([
      sagedb([...args, '--id', '20', '--filter', '{"kind": "odd", "place.row": {"$gte": 22}}']),
      sagedb([...args, '--id', '"7"']),
      sagedb([...args, '--id', '7']),
    ]);
    expect(JSON.parse(byNumber.stdout)).toMatchObject([{ id: 23, vector: [23, 2, 0] }]);
    expect(JSON.parse(byString.stdout)).toHaveLength(1);
    expect([missing.code, JSON.parse(missing.stderr).error.code]).toEqual([1, 'NOT_FOUND']);
  });

  it.each([
    ['1 2', 1, 'DIMENSION_MISMATCH'],
    ['1 2 x', 2, 'USAGE'],
    ['', 2, 'USAGE'],
  ])('refuses the query %j', async (query, code, error) => {
    const got = await sagedb(['search', path, '--json', '--vector', '-'], query);
    expect([got.code, JSON.parse(got.stderr).error.code]).toEqual([code, error]);
  });
});

describe('verify, snapshot, optimize', () => {
  it('copies a folder, optimises the copy and finds it good', async () => {
    const copy = join(folder, 'copy');
    const before = await fingerprint();
    expect(await sagedb(['snapshot', path, copy])).toMatchObject({ code: 0, stderr: '' });
    expect(await fingerprint()).toEqual(before);
    const optimized = await sagedb(['optimize', copy, '--json']);
    expect(JSON.parse(optimized.stdout)).toMatchObject({
      before: { items: ROWS - 2 },
      after: { items: ROWS - 2, indexedRows: ROWS - 2, deletedRows: 0 },
    });
    expect(await sagedb(['verify', copy])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok: 298 items/) });
    await using reopened = await SageDB.open({ path: copy, readOnly: true });
    expect(reopened.stats()).toMatchObject({ indexedRows: ROWS - 2, deletedRows: 0, storage: { replayed: 0 } });
    const again = await sagedb(['snapshot', path, copy]);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/^sagedb: .*\(\w+\)\n$/);
  });

  it('verify finds a damaged file and ends with exit code 1', async () => {
    const copy = join(folder, 'damaged');
    await sagedb(['snapshot', path, copy]);
    const name = (await readdir(copy)).find((file) => file.endsWith('.seg'))!;
    const content = await readFile(join(copy, name));
    content[content.length - 1]! ^= 0xff;
    content[4096]! ^= 0xff;
    await writeFile(join(copy, name), content);
    const { code, stdout, stderr } = await sagedb(['verify', copy, '--json']);
    expect([code, stdout]).toEqual([1, '']);
    expect(JSON.parse(stderr).error.code).toBe('CORRUPTION');
  });

  it('a folder without a database is NOT_FOUND and stays empty', async () => {
    const empty = await mkdtemp(join(folder, 'empty-'));
    for (const args of [['info'], ['optimize'], ['snapshot', '--json'], ['verify']]) {
      const [name, ...options] = args as [string, ...string[]];
      const target = name === 'snapshot' ? [empty, join(folder, 'never')] : [empty];
      const { code, stderr } = await sagedb([name, ...target, ...options]);
      expect([code, stderr]).toEqual([1, expect.stringContaining('NOT_FOUND')]);
    }
    expect(await readdir(empty)).toEqual([]);
  });
});
