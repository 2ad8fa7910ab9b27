// Property: what one database exports another imports, in every format that the command line reads; bad files end with their place, and
// a new database gets dimension and metric from the command.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { importCommand } from '../../lib/cli/commands/import.js';
import { COMMANDS } from '../../lib/cli/commands.js';
import { SageDB } from '../../lib/index.js';
import { CLI, sagedb } from '../support/cli.js';
import { until } from '../support/until.js';

let folder: string;
const at = (name: string) => join(folder, name);

async function contents(path: string) {
  await using db = await SageDB.open({ path, readOnly: true });
  return db.find({}, { includeVector: true, orderBy: 'n' });
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sagedb-cli-import-'));
  await using db = await SageDB.open({ path: at('db'), dimension: 2, metric: 'l2' });
  const ids = Array.from({ length: 2500 }, (_, i) => (i % 3 ? i + 1 : `s${i}`));
  await db.addBatch(
    ids.map((_, n) => [n / 3, 1 - n]),
    ids.map((_, n) => ({ n, text: `line "${n}",\nnext` })),
    { ids },
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

it.each(['rows.jsonl', 'rows'])('export to %s and import give the same items', async (target) => {
  const exported = await sagedb(['export', at('db'), at(target), '--json']);
  expect(JSON.parse(exported.stdout)).toMatchObject({ exported: 2500 });
  const imported = await sagedb(['import', at(`copy-${target}`), at(target), '--metric', 'l2', '--json']);
  expect(imported.stderr).toBe('');
  expect(JSON.parse(imported.stdout)).toMatchObject({ imported: 2500, items: 2500 });
  expect(await contents(at(`copy-${target}`))).toEqual(await contents(at('db')));
});

it.skipIf(process.platform === 'win32')('an export that is interrupted removes what it has written', async () => {
  const dimension = 256;
  {
    await using db = await SageDB.open({ path: at('large'), dimension, metric: 'l2', index: { type: 'flat' } });
    await db.addBatch(new Float32Array(20_000 * dimension).map((_, i) => Math.sin(i)));
  }
  await mkdir(at('out'));
  for (const target of ['rows.jsonl', 'rows']) {
    const child = spawn(process.execPath, [...CLI, 'export', at('large'), at(`out/${target}`)], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await until(() => readdirSync(at('out')).length > 0);
    child.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    expect(await readdir(at('out'))).toEqual([]);
  }
});

it('export with a filter; a target that exists is refused', async () => {
  const args = ['export', at('db'), at('part.jsonl'), '--filter', '{"n": {"$lt": 7}}'];
  expect((await sagedb(args)).stdout).toMatch(/^7 items in /);
  const again = await sagedb(args);
  expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/part\.jsonl exists already/)]);
});

it('- is standard output and standard input', async () => {
  const exported = await sagedb(['export', at('db'), '-', '--filter', '{"n": {"$lt": 9}}']);
  expect(exported.stdout.split('\n')).toHaveLength(10);
  const args = ['import', at('piped'), '-', '--metric', 'l2'];
  expect((await sagedb(args, exported.stdout)).stdout).toMatch(/^9 items from standard input, 9 in /);
  expect(await contents(at('piped'))).toEqual((await contents(at('db'))).slice(0, 9));
  const again = await sagedb(args, exported.stdout);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('already exists (--replace) (DUPLICATE_ID)')]);
  const [longer, broken, nothing, csv] = await Promise.all([
    sagedb(['import', at('longer'), '-'], '{"vector": [1, 2]}\n\n{"vector": [1]}'),
    sagedb(['import', at('broken'), '-'], '{"vector": [1, 2]}\n{"vector": '),
    sagedb(['import', at('nothing'), '-']),
    sagedb(['import', at('csv-in'), '-', '--format', 'csv']),
  ]);
  expect(longer.stderr).toContain('standard input:3: vector: ');
  expect([broken.code, broken.stderr]).toEqual([1, expect.stringContaining('standard input:2: not JSON')]);
  expect([nothing.code, nothing.stderr]).toEqual([1, expect.stringContaining('standard input: nothing in it')]);
  expect([csv.code, csv.stderr]).toEqual([2, expect.stringContaining('standard input is read as jsonl')]);
});

it('vectors alone: npy and fvecs', async () => {
  await sagedb(['export', at('db'), at('for-npy')]);
  const npy = await sagedb(['import', at('npy'), join(at('for-npy'), 'vectors.npy'), '--metric', 'l2', '--json']);
  expect(JSON.parse(npy.stdout)).toMatchObject({ imported: 2500 });

  const rows = 100_000;
  const bytes = new Int32Array(rows * 3);
  const floats = new Float32Array(bytes.buffer);
  for (let row = 0; row < rows; row++) {
    bytes[row * 3] = 2;
    floats.set([row, 0.5], row * 3 + 1);
  }
  await writeFile(at('big.fvecs'), bytes);
  const fvecs = await sagedb(['import', at('fvecs'), at('big.fvecs'), '--metric', 'l2', '--batch', '20000', '--json']);
  expect(JSON.parse(fvecs.stdout)).toMatchObject({ imported: rows });
  await using db = await SageDB.open({ path: at('fvecs'), readOnly: true });
  expect((await db.get(rows, { includeVector: true }))?.vector).toEqual(Float32Array.of(rows - 1, 0.5));
});

it('csv: quoted fields, ids, numbers, and a second import that replaces', async () => {
  await writeFile(
    at('rows.csv'),
    'key,embedding,title,year,code\r\n1,"[ 0.5, 1 ]","Say ""hi"",\nthen go",1999,007\r\nb,[2 3],Plain,,x\r\n',
  );
  const args = [
    'import',
    at('csv'),
    at('rows.csv'),
    '--id-column',
    'key',
    '--vector-column',
    'embedding',
    '--metric',
    'l2',
  ];
  expect((await sagedb(args)).stdout).toMatch(/^2 items from .*, 2 in /);
  await using db = await SageDB.open({ path: at('csv'), readOnly: true });
  expect(await db.getMany([1, 'b'], { includeVector: true })).toEqual([
    { id: 1, vector: Float32Array.of(0.5, 1), metadata: { title: 'Say "hi",\nthen go', year: 1999, code: '007' } },
    { id: 'b', vector: Float32Array.of(2, 3), metadata: { title: 'Plain', code: 'x' } },
  ]);
  const again = await sagedb([...args, '--json']);
  expect([again.code, JSON.parse(again.stderr).error.code]).toEqual([1, 'DUPLICATE_ID']);
  expect((await sagedb([...args, '--replace'])).code).toBe(0);
});

it.each([
  ['bad.jsonl', '{"vector":[1,2]}\n{"vector":[1,2]\n', 1, 'bad.jsonl:2: not JSON'],
  ['short.fvecs', Buffer.from(Int32Array.of(2, 0, 0, 2, 0).buffer), 1, 'short.fvecs: ends within row 1'],
  ['mixed.fvecs', Buffer.from(Int32Array.of(1, 0, 2, 0, 0).buffer), 1, 'row 1 has dimension 2, not 1'],
  ['open.csv', 'id,vector\n1,"1 2\n', 1, 'open.csv:2: a quotation mark that is never closed'],
  ['fields.csv', 'id,vector\n1,1 2\n2,3 4,5\n', 1, 'fields.csv:3: 3 fields for 2 columns'],
  ['words.csv', 'id,vector\n1,one two\n', 1, 'words.csv:2: vector: no vector'],
  ['cell.csv', 'id,vector\n1,1 2\n2,\n', 1, 'cell.csv:3: vector: no vector'],
  ['brackets.csv', 'id,vector\n1,[]\n', 1, 'brackets.csv:2: vector: no vector'],
  ['comma.csv', 'id,vector\n1,"1, 2,"\n', 1, 'comma.csv:2: vector: no vector'],
  ['longer.csv', 'id,vector\n1,1 2\n2,"1\n2 3"\n', 1, 'longer.csv:3: vector: '],
  ['twice.csv', 'id,vector\n7,1 2\n8,1 2\n7,1 2\n', 1, 'twice.csv:2 to '],
  [
    'infinite.fvecs',
    Buffer.from(Float32Array.of(1e-45, 1, 1e-45, Infinity).buffer),
    1,
    'infinite.fvecs: row 1: vector',
  ],
  ['columns.csv', 'id,embedding\n1,1 2\n', 2, "no column 'vector'"],
  ['empty.csv', '', 1, 'nothing in it'],
  ['rows.parquet', '', 2, '--format is needed'],
])('%s is refused with its place', async (name, content, code, message) => {
  await writeFile(at(name), content);
  const got = await sagedb(['import', at(`into-${name}`), at(name), '--metric', 'l2']);
  expect([got.code, got.stderr]).toEqual([code, expect.stringContaining(message)]);
  expect(got.stderr).not.toContain('    at ');
  expect(existsSync(at(`into-${name}`))).toBe(false);
});

it('a failed import leaves what was there before, and the batches that it wrote', async () => {
  await writeFile(at('late.jsonl'), '{"vector":[1,2]}\n{"vector":[1]}\n');
  const run = (path: string, ...more: string[]) => sagedb(['import', at(path), at('late.jsonl'), ...more]);
  await mkdir(at('kept/deep'), { recursive: true });
  await writeFile(at('kept/deep/notes.txt'), 'mine');
  for (const path of ['kept/deep', 'kept/deep/more/levels']) {
    expect((await run(path)).stderr).toContain('late.jsonl:2: vector: ');
    expect(await readdir(at('kept'), { recursive: true })).toEqual(['deep', join('deep', 'notes.txt')]);
  }
  expect((await run('some', '--batch', '1')).code).toBe(1);
  await using db = await SageDB.open({ path: at('some'), readOnly: true });
  expect(db.size).toBe(1);
});

describe('an import and others at the same new path', () => {
  const run = (path: string, file: string) =>
    importCommand.run({ options: {}, positionals: [path, file], json: true, commands: COMMANDS });
  const open = SageDB.open.bind(SageDB);
  const whileOpening = (other: (path: string) => Promise<unknown>) =>
    vi.spyOn(SageDB, 'open').mockImplementationOnce((async (options: { path: string }) => {
      await other(options.path);
      return open(options as never);
    }) as never);
  afterEach(() => vi.restoreAllMocks());

  it('the one that comes too late leaves alone what the first one makes', async () => {
    await writeFile(at('one.jsonl'), '{"vector":[1,2]}\n');
    let first: SageDB | undefined;
    whileOpening(async (path) => {
      first = await open({ path, dimension: 2, metric: 'l2' });
    });
    await expect(run(at('raced'), at('one.jsonl'))).rejects.toMatchObject({ code: 'LOCKED' });
    await first!.add([3, 4], {}, { id: 'mine' });
    await first!.close();
    await using db = await SageDB.open({ path: at('raced'), readOnly: true });
    expect((await db.get('mine'))?.id).toBe('mine');
  });

  it('what it made is gone before another can have it; files of others stay', async () => {
    await writeFile(at('bad.jsonl'), '{"vector":[1,2]}\n{}\n');
    const close = vi.spyOn(SageDB.prototype, 'close').mockImplementationOnce(async function (this: SageDB) {
      expect(await readdir(at('shared'))).toEqual(['notes.txt']);
      await this.close();
    });
    whileOpening(async (path) => {
      await mkdir(path);
      await writeFile(join(path, 'notes.txt'), 'came meanwhile');
    });
    await expect(run(at('shared'), at('bad.jsonl'))).rejects.toMatchObject({ code: 'CORRUPTION' });
    expect(close).toHaveBeenCalled();
    expect(await readdir(at('shared'))).toEqual(['notes.txt']);
  });

  it('a database that somebody else has begun is never removed', async () => {
    await mkdir(at('begun'));
    await writeFile(at('begun/LOCK'), '');
    await writeFile(at('bad.jsonl'), '{"vector":[1,2]}\n{}\n');
    await expect(run(at('begun'), at('bad.jsonl'))).rejects.toMatchObject({ code: 'CORRUPTION' });
    expect(await readdir(at('begun'))).toEqual(expect.arrayContaining(['CURRENT', 'LOCK']));
  });
});
