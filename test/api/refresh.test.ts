// Property: a reader in another process than the writer's shows, after each refresh(), a state at least as new as the last write acknowledged
// before the call, whole, never older than before, through checkpoints, compactions and a kill -9 of the writer.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SageDB } from '../../lib/index.js';

const SECONDS = 3;
const child = fileURLToPath(new URL('../support/following-child.ts', import.meta.url));
type Meta = { n: number };

let folder: string;
let path: string;
let writer: ChildProcess | undefined;
let acknowledged = -1;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sagedb-'));
  path = join(folder, 'db');
  acknowledged = -1;
});
afterEach(async () => {
  await kill();
  rmSync(folder, { recursive: true, force: true });
});

async function startWriter(): Promise<void> {
  const scratch = join(folder, `scratch-${acknowledged + 2}`);
  mkdirSync(scratch);
  const started = spawn(process.execPath, ['--import', 'tsx', child, path, String(acknowledged + 2), scratch], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  writer = started;
  const lines = createInterface({ input: started.stdout });
  lines.on('line', (line) => {
    acknowledged = Number(line.slice(4));
  });
  await once(lines, 'line');
}

async function kill(): Promise<void> {
  if (!writer || writer.exitCode !== null || writer.signalCode !== null) return;
  writer.kill('SIGKILL');
  await once(writer, 'exit');
}

const counterOf = async (db: SageDB<Meta>) => (await db.get('counter'))?.metadata.n ?? -1;

/** The three writes of one commit are there as one: the counter, its row, and not the row that it removed. */
async function expectWhole(db: SageDB<Meta>, atLeast: number): Promise<number> {
  const n = await counterOf(db);
  expect(n).toBeGreaterThanOrEqual(atLeast);
  expect(await db.has(`row-${n}`)).toBe(true);
  expect(await db.has(`row-${n - 10}`)).toBe(false);
  expect(await db.has(`row-${n + 1}`)).toBe(false);
  const query = Float32Array.from({ length: 8 }, (_, i) => Math.sin(n * 8 + i));
  const hits = await db.search(query, { k: 2 });
  expect(hits.map((hit) => hit.metadata.n)).toEqual([n, n]);
  return n;
}

test('a reader follows a writer in another process', async () => {
  await startWriter();
  await using reader = await SageDB.open<Meta>({ path, readOnly: true });
  let seen = -1;
  let changes = 0;
  for (let life = 0; life < 2; life++) {
    // Longer where a machine under load has seen little by then.
    const enough = changes + 6;
    const end = performance.now() + (SECONDS * 1000) / 2;
    while (performance.now() < end || (changes < enough && performance.now() < end + 40_000)) {
      const floor = acknowledged;
      if (await reader.refresh()) changes++;
      seen = await expectWhole(reader, Math.max(seen, floor));
      // An open, too, meets renames and removed files.
      const opened = await SageDB.open<Meta>({ path, readOnly: true });
      await expectWhole(opened, floor);
      await opened.close();
    }
    await kill();
    const last = acknowledged;
    await reader.refresh();
    seen = await expectWhole(reader, Math.max(seen, last));
    acknowledged = Math.max(acknowledged, seen);
    expect(await reader.refresh()).toBe(false);
    await reader.verify();
    if (life === 0) await startWriter();
  }
  console.log(`${changes} refreshes with changes, ${seen} commits`);
  expect(changes).toBeGreaterThan(10);
  const before = reader.stats();
  expect(before.storage.replayed).toBeGreaterThan(0);
});

test('refreshing says whether there was something new; a writer has nothing to refresh', async () => {
  await using db = await SageDB.open<Meta>({ path, dimension: 2 });
  await using reader = await SageDB.open<Meta>({ path, readOnly: true });
  expect(await reader.refresh()).toBe(false);
  await db.add([1, 2], { n: 1 });
  expect(reader.size).toBe(0);
  expect(await reader.refresh()).toBe(true);
  expect(reader.size).toBe(1);
  expect(await db.refresh()).toBe(false);
  // An iterator goes on in its own snapshot.
  const steps = reader.iterate(undefined, { pageSize: 1 });
  expect((await steps.next()).value).toMatchObject({ metadata: { n: 1 } });
  await db.upsert([2, 1], { n: 2 });
  await Promise.all([reader.refresh(), reader.refresh(), reader.search([1, 1])]);
  expect((await steps.next()).done).toBe(true);
  expect(reader.size).toBe(2);
});
