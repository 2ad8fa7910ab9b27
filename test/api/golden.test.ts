// Property: databases written by every released format version open, writable and read-only, with exactly the items and answers they had, and go on
// taking writes.
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { answersOf, type Expected, fileKinds, goldenNames, readExpected, writeGoldens } from '../support/golden.js';

const committed = fileURLToPath(new URL('../golden', import.meta.url));
const versions = existsSync(committed) ? readdirSync(committed).sort() : [];

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sagedb-'));
  await writeGoldens(join(folder, 'present'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Scores may differ in the last bits from processor to processor. */
function expectSame(got: Expected, want: Expected): void {
  const { searches, items, ...rest } = got;
  expect(rest).toEqual({ nextId: want.nextId, dimension: want.dimension, metric: want.metric });
  expect(items).toEqual(want.items);
  for (const [i, { hits }] of searches.entries()) {
    const expected = want.searches[i]?.hits ?? [];
    expect(hits.map(([id]) => id)).toEqual(expected.map(([id]) => id));
    for (const [j, [, score]] of hits.entries()) expect(score).toBeCloseTo(expected[j]?.[1] as number, 4);
  }
}

async function examine(from: string, name: string): Promise<void> {
  const want = readExpected(from, name);
  const path = mkdtempSync(join(folder, `${name}-`));
  cpSync(join(from, name, 'db'), path, { recursive: true });
  const reader = await SageDB.open({ path, readOnly: true });
  expectSame(await answersOf(reader), want);
  await reader.verify();
  await reader.close();

  const db = await SageDB.open({ path });
  expectSame(await answersOf(db), want);
  await db.verify();
  const vector = Float32Array.from({ length: want.dimension }, () => 0.5);
  const id = await db.add(vector, { added: 'now' });
  expect(id).toBe(want.nextId);
  await db.optimize();
  await db.close();

  await using again = await SageDB.open({ path });
  expect(again.size).toBe(want.items.length + 1);
  expect(await again.remove(id)).toBe(true);
  const kept = await answersOf(again);
  const byId = (a: Expected['items'][number], b: typeof a) => (String(a.id) < String(b.id) ? -1 : 1);
  expect(kept.items.sort(byId)).toEqual(want.items.sort(byId));
}

test('what this version writes', async () => {
  const present = join(folder, 'present');
  expect(goldenNames(present)).toHaveLength(3);
  for (const name of goldenNames(present)) await examine(present, name);
});

describe.each(versions)('%s', (version) => {
  const from = join(committed, version);
  test.each(goldenNames(from))('%s', (name) => examine(from, name));

  test('has every kind of file', () => {
    // A kind of segment that was added later belongs into a golden database, too.
    if (version === versions.at(-1)) expect(fileKinds(from)).toEqual(fileKinds(join(folder, 'present')));
    expect(fileKinds(from)).toContain('graph');
  });
});
