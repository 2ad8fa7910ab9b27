// Property: with a path, what was acknowledged is there after close, after kill -9 at any moment, and after the next kill during recovery.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { until } from '../support/until.js';
import { expectCode, random, randomFlat } from '../support/vectors.js';

const CYCLES = Number(process.env.SAGEDB_KILL_CYCLES ?? 6);
const child = fileURLToPath(new URL('../support/durable-child.ts', import.meta.url));

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sagedb-'));
  path = join(folder, 'db');
});
afterEach(() => vi.restoreAllMocks());
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const bytesIn = (dir: string) => readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);

describe('a database with a path', () => {
  test('is the same after close and open; options may be left out then', async () => {
    const db = await SageDB.open<{ n: number }>({ path, dimension: 16, metric: 'l2', index: { type: 'hnsw' } });
    const vectors = randomFlat(random(1), 500, 16);
    await db.addBatch(
      vectors,
      Array.from({ length: 500 }, (_, n) => ({ n })),
    );
    await db.remove([3, 5]);
    await db.buildIndex();
    await db.update(7, { metadata: { n: -7 } });
    const query = vectors.subarray(16 * 41, 16 * 42);
    const before = await db.search(query, { k: 5 });
    expect(db.stats().storage.durableSequence).toBe(db.stats().sequence);
    await db.close();

    await using again = await SageDB.open<{ n: number }>({ path });
    expect(again.size).toBe(498);
    expect(again.dimension).toBe(16);
    expect(await again.search(query, { k: 5 })).toEqual(before);
    expect((await again.get(7))?.metadata).toEqual({ n: -7 });
    expect(await again.has(3)).toBe(false);
    // A short log is replayed at the next open; a long one becomes a checkpoint at close().
    expect(again.stats().storage.replayed).toBe(1);
    expect(await again.add(query, { n: 1 })).toBe(501);
    await again.verify();
  });

  test('buildIndex() and optimize() leave their work on disk, and give back what removed rows took', async () => {
    const db = await SageDB.open({ path, dimension: 64, metric: 'l2', index: { type: 'hnsw' }, rebuildThreshold: 1e6 });
    await db.addBatch(randomFlat(random(8), 3000, 64));
    await db.buildIndex();
    const indexed = await SageDB.open({ path, readOnly: true });
    expect(indexed.stats()).toMatchObject({ indexedRows: 3000, storage: { replayed: 0 } });
    await indexed.close();
    const before = bytesIn(path);
    await db.remove(Array.from({ length: 2900 }, (_, i) => i + 1));
    await db.optimize();
    expect(bytesIn(path)).toBeLessThan(before / 4);
    await db.close();
    await using again = await SageDB.open({ path });
    expect(again.stats()).toMatchObject({ size: 100, indexedRows: 100, deletedRows: 0, storage: { replayed: 0 } });
    await again.verify();
  });

  const finish = async (walk: AsyncGenerator<unknown>) => {
    while (!(await walk.next()).done);
  };
  // Of files without a name that are still mapped.
  const replaced = () =>
    readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => line.includes(path) && line.endsWith('(deleted)'));

  test.skipIf(process.platform !== 'linux').each([
    ['none', undefined],
    ['one that is finished', finish],
    ['one that is broken off', (walk: AsyncGenerator<unknown>) => walk.return(undefined)],
  ])('files that were replaced are let go of; iterator: %s', async (_, end) => {
    const write = await SageDB.open({ path, dimension: 16, index: { type: 'hnsw' } });
    await write.addBatch(randomFlat(random(3), 2000, 16));
    await write.buildIndex();
    await write.close();
    // Keeps what it was called with from being collected, which would let go of the files, too.
    const closed = vi.spyOn(native(), 'closeCursor');
    await using db = await SageDB.open({ path });
    const walk = db.iterate({}, { pageSize: 100 });
    if (end) await walk.next();
    await db.remove(Array.from({ length: 1500 }, (_, i) => i));
    await db.optimize();
    await db.flush();
    if (end) {
      expect(replaced()).not.toEqual([]);
      await end(walk);
    }
    expect(closed.mock.calls.length).toBe(end ? 1 : 0);
    await until(() => replaced().length === 0);
  });

  test('flush() and snapshot() settle while others go on writing', async () => {
    await using db = await SageDB.open({ path, dimension: 4, metric: 'l2' });
    let going = true;
    const writer = async (delay: number) => {
      await new Promise((resolve) => setTimeout(resolve, delay));
      while (going) await db.add([1, 2, 3, 4]);
    };
    const writers = [0, 2, 5].map(writer);
    await until(() => db.size > 50);
    for (let round = 0; round < 5; round++) {
      const added = db.add([4, 3, 2, 1]);
      await db.flush();
      await db.snapshot(join(folder, `copy${round}`));
      await using copy = await SageDB.open({ path: join(folder, `copy${round}`), readOnly: true });
      expect(await copy.has(await added)).toBe(true);
    }
    going = false;
    await Promise.all(writers);
  });

  test('a relative path means the folder that it named at the call', async () => {
    const home = process.cwd();
    const [first, second] = ['first', 'second'].map((name) => join(folder, name)) as [string, string];
    for (const dir of [first, second]) mkdirSync(dir);
    try {
      process.chdir(second);
      const other = await SageDB.open({ path: 'data', dimension: 4 });
      await other.add([1, 2, 3, 4], { other: true });
      await other.close();
      process.chdir(first);
      const db = await SageDB.open({ path: 'data', dimension: 4 });
      await db.addBatch(randomFlat(random(3), 1000, 4));
      process.chdir(second);
      await db.optimize();
      await db.add([4, 3, 2, 1]);
      await db.close();
    } finally {
      process.chdir(home);
    }
    const sizes = [first, second].map(async (dir) => {
      await using db = await SageDB.open({ path: join(dir, 'data'), readOnly: true });
      return db.size;
    });
    expect(await Promise.all(sizes)).toEqual([1001, 1]);
  });

  test.skipIf(process.platform === 'win32').each([
    ['its LOCK is removed', () => rmSync(join(path, 'LOCK'))],
    ['its folder is moved away', () => renameSync(path, `${path}-old`)],
  ])('nothing is written any more, and nothing of others harmed, when %s', async (_, act) => {
    const db = await SageDB.open({ path, dimension: 4, metric: 'l2' });
    await db.addBatch(randomFlat(random(4), 2000, 4));
    act();
    const other = await SageDB.open({ path, dimension: 4, metric: 'l2' });
    const ids = await other.addBatch(randomFlat(random(5), 20, 4));
    await other.close();
    for (const call of [
      () => db.add([1, 2, 3, 4]),
      () => db.removeWhere({}),
      () => db.flush(),
      () => db.optimize(),
      () => db.snapshot(join(folder, 'copy')),
      () => db.close(),
    ])
      await expectCode(call, 'READ_ONLY', /removed or replaced/);
    await using again = await SageDB.open({ path });
    for (const id of ids) expect(await again.has(id)).toBe(true);
    expect([20, 2020]).toContain(again.size);
    await again.verify();
  });

  test('an attached object whose owner has closed the database says CLOSED', async () => {
    const db = await SageDB.open({ path, dimension: 4 });
    const attached = SageDB.attach(db.handle);
    await db.close();
    for (const call of [
      () => attached.flush(),
      () => attached.refresh(),
      () => attached.snapshot(join(folder, 'copy')),
    ])
      await expectCode(call, 'CLOSED');
  });

  test('whoever meets damaged metadata before it is checked is told so', async () => {
    const db = await SageDB.open({ path, dimension: 4, metric: 'l2' });
    await db.addBatch(randomFlat(random(2), 3, 4), [{ name: 'first' }, { name: 'second' }, { name: 'third' }]);
    const copy = join(folder, 'copy'); // all of it in segments
    await db.snapshot(copy);
    await db.close();
    const segment = join(copy, readdirSync(copy).find((name) => name.startsWith('text-'))!);
    const bytes = readFileSync(segment);
    bytes[bytes.indexOf('{"name":"second"}')] = 0x3f;
    writeFileSync(segment, bytes);

    await using damaged = await SageDB.open({ path: copy, checkBlocks: false });
    const query = new Float32Array(4);
    expect(await damaged.search(query, { k: 3, includeMetadata: false })).toHaveLength(3);
    for (const call of [
      () => damaged.search(query, { k: 3 }),
      () => damaged.search(query, { k: 3, filter: { name: 'second' } }),
      () => damaged.count({ name: 'second' }),
      () => damaged.get(2),
      () => damaged.update(2, { vector: query }),
      () => damaged.verify(),
    ])
      await expectCode(call, 'CORRUPTION');
    expect(await damaged.get(1)).toMatchObject({ metadata: { name: 'first' } });
    expect(await damaged.get(3)).toMatchObject({ metadata: { name: 'third' } });
  });

  test('stored blocks are checked in the background; damage refuses writes and says so', async () => {
    const db = await SageDB.open({ path, dimension: 64, metric: 'l2' });
    await db.addBatch(
      randomFlat(random(2), 2000, 64),
      Array.from({ length: 2000 }, (_, n) => ({ n })),
    );
    await db.snapshot(join(folder, 'copy'));
    expect(db.stats().storage.check.state).toBe('none');
    await db.close();

    const again = await SageDB.open({ path });
    // Filters are right before and after the index of the stored metadata is there.
    expect(await again.count({ n: { $lt: 100 } })).toBe(100);
    await until(() => again.stats().storage.check.state !== 'running');
    expect(again.stats().storage.check).toMatchObject({ state: 'passed', error: '' });
    expect(again.stats().storage.check.done).toBeGreaterThan(7);
    expect(await again.count({ n: { $lt: 100 } })).toBe(100);
    await again.close();

    for (const readOnly of [false, true]) {
      await using unchecked = await SageDB.open({ path, readOnly, checkBlocks: false });
      await unchecked.search(new Float32Array(64), { k: 1 });
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(unchecked.stats().storage.check).toMatchObject({ state: 'none', done: 0 });
      expect(unchecked.stats().storage.check.total).toBeGreaterThan(7);
      await unchecked.verify();
    }

    for (const hotMemory of [-1, 0.5, '1 GB'])
      await expectCode(() => SageDB.open({ path, hotMemory: hotMemory as number }), 'INVALID_ARGUMENT');
    await expectCode(() => SageDB.open({ dimension: 64, hotMemory: 0 }), 'INVALID_ARGUMENT');
    for (const hotMemory of [0, undefined]) {
      await using searched = await SageDB.open({ path, readOnly: true, checkBlocks: false, hotMemory });
      const moved = () => searched.stats().storage.hotBytes > 0;
      const search = async () => {
        for (let i = 0; i < 200; i++) await searched.search(new Float32Array(64).fill(i + 1), { k: 1 });
      };
      await search();
      if (hotMemory === 0 || process.platform !== 'linux') await new Promise((resolve) => setTimeout(resolve, 50));
      else await until(moved);
      expect(moved()).toBe(hotMemory !== 0 && process.platform === 'linux');
      await search();
    }

    const name = readdirSync(path).find((file) => file.startsWith('vectors-')) as string;
    const bytes = readFileSync(join(path, name));
    bytes.writeUInt8(bytes.readUInt8(300_000) ^ 4, 300_000);
    rmSync(join(path, name)); // the copy shares the file
    writeFileSync(join(path, name), bytes);
    await using damaged = await SageDB.open({ path });
    await until(() => damaged.stats().storage.check.state === 'damaged');
    expect(damaged.stats().storage.check.error).toContain(name);
    await expectCode(() => damaged.remove(1), 'CORRUPTION');
    expect(await damaged.count({ n: 7 })).toBe(1);
    await using copy = await SageDB.open({ path: join(folder, 'copy') });
    await copy.verify();
  });

  test('one writer; readOnly beside it', async () => {
    await using db = await SageDB.open({ path, dimension: 2 });
    await db.add([1, 2]);
    await expectCode(() => SageDB.open({ path, dimension: 2 }), 'LOCKED');
    await using reader = await SageDB.open({ path, readOnly: true });
    expect(reader.size).toBe(1);
    await expectCode(() => reader.add([1, 2]), 'READ_ONLY');
  });

  test('one writer across processes; the death of one frees the folder', async () => {
    const writer = spawn(process.execPath, ['--import', 'tsx', child, path, 'fsync', '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(createInterface({ input: writer.stdout }), 'line');
    await expectCode(() => SageDB.open({ path }), 'LOCKED', /another process/);
    await using reader = await SageDB.open({ path, readOnly: true });
    expect(reader.dimension).toBe(8);
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    await using db = await SageDB.open({ path });
    await db.verify();
  });

  test('what is stored holds, and errors name both sides', async () => {
    await (await SageDB.open({ path, dimension: 2, metric: 'cosine' })).close();
    await expectCode(() => SageDB.open({ path, dimension: 3 }), 'CONFIG_MISMATCH');
    await expect(SageDB.open({ path, metric: 'ip' })).rejects.toThrow(/metric.*'cosine'.*'ip'/);
    await expectCode(() => SageDB.open({ path: join(folder, 'none'), readOnly: true }), 'NOT_FOUND');
    await expectCode(() => SageDB.open({ path: join(folder, 'none') }), 'INVALID_ARGUMENT');
    await expectCode(() => SageDB.open({ path: '', dimension: 2 }), 'INVALID_ARGUMENT');
    await expectCode(() => SageDB.open({ dimension: 2, durability: 'fsync' }), 'INVALID_ARGUMENT');
    await expectCode(() => SageDB.open({} as never), 'INVALID_ARGUMENT');
  });

  test('damage is a typed error', async () => {
    const db = await SageDB.open<{ n: number }>({ path, dimension: 2 });
    await db.add([1, 2], { n: 1 });
    await db.close();
    const log = readdirSync(path)
      .filter((name) => name.endsWith('.log'))
      .sort()
      .at(-1) as string;
    const bytes = readFileSync(join(path, log));
    bytes[4096 + 60] = (bytes[4096 + 60] as number) ^ 1;
    writeFileSync(join(path, log), bytes);
    await expectCode(() => SageDB.open({ path }), 'CORRUPTION');
  });

  test('snapshot() is a database of its own', async () => {
    await using db = await SageDB.open({ path, dimension: 2 });
    await db.add([1, 2]);
    await db.snapshot(join(folder, 'copy'));
    await db.add([2, 1]);
    await using copy = await SageDB.open({ path: join(folder, 'copy') });
    expect(copy.size).toBe(1);
    await expectCode(() => db.snapshot(join(folder, 'copy')), 'INVALID_ARGUMENT');
  });
});

/** Runs the child until it has acknowledged something, kills it after `milliseconds`, and gives the last acknowledged number. */
async function runAndKill(durability: string, first: number, milliseconds: number): Promise<number> {
  const process_ = spawn(process.execPath, ['--import', 'tsx', child, path, durability, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = -1;
  for await (const line of createInterface({ input: process_.stdout })) {
    if (line === 'open') setTimeout(() => process_.kill('SIGKILL'), milliseconds);
    if (line.startsWith('ack ')) last = Number(line.slice(4));
  }
  if (process_.signalCode === null && process_.exitCode === null) await once(process_, 'exit');
  expect(process_.signalCode).toBe('SIGKILL');
  return last;
}

describe.each(['fsync', 'async'])('kill -9, durability %s', (durability) => {
  test('no acknowledged write is lost, none is half there', { timeout: 300_000 * CYCLES }, async () => {
    const seed = Math.trunc(Math.random() * 2 ** 31);
    console.log(`seed ${seed}`);
    const rng = random(seed);
    let acknowledged = -1;
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      acknowledged = Math.max(acknowledged, await runAndKill(durability, acknowledged + 2, rng() * 200));
      const db = await SageDB.open<{ n: number }>({ path });
      const counter = (await db.get('counter'))?.metadata.n ?? -1;
      expect(counter).toBeGreaterThanOrEqual(acknowledged);
      if (counter >= 0) expect(await db.has(`row-${counter}`)).toBe(true);
      await db.verify();
      acknowledged = counter;
      await db.close();
    }
    expect(acknowledged).toBeGreaterThanOrEqual(0);
  });
});
