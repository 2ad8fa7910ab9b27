// Property: searches by text made right after an open wait for the words of what is stored, are answered rightly, and hold up nothing else.
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { expectCode } from '../support/vectors.js';

const ROWS = 12_000;
const folder = mkdtempSync(join(tmpdir(), 'sagedb-'));
const path = join(folder, 'db');
const text = 'w17 w4';
let expected: unknown;

beforeAll(async () => {
  await using db = await SageDB.open({ path, durability: 'async', dimension: 2, metric: 'l2', textFields: ['text'] });
  const words = (row: number) => Array.from({ length: 60 }, (_, i) => `w${(row * 7919 + i * i * 31) % (40 * (i + 1))}`);
  await db.addBatch(
    Array.from({ length: ROWS }, (_, row) => [row, 1]),
    Array.from({ length: ROWS }, (_, row) => ({ text: words(row).join(' ') })),
  );
  expected = await db.search({ text });
  await db.optimize();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('vectors, writes, files and aborts pass by those that wait', async () => {
  await using db = await SageDB.open({ path, durability: 'async' });
  const settled: string[] = [];
  const note = (name: string) => () => void settled.push(name);
  const stop = new AbortController();
  const stopped = expectCode(() => db.search({ text, signal: stop.signal }), 'ABORTED').then(note('abort'));
  // More than there are threads in the pool.
  const searches = Array.from({ length: 20 }, () => db.search({ text }));
  for (const search of searches) search.then(note('text'));
  stop.abort();
  const others = [
    stopped,
    db.search([5, 1]).then(note('vector')),
    db.add([1, 1], { text: 'other' }).then(note('write')),
    readFile(new URL(import.meta.url)).then(note('file')),
  ];
  await Promise.all(others);
  expect(settled.sort()).toEqual(['abort', 'file', 'vector', 'write']);
  for (const answer of await Promise.all(searches)) {
    // One item more makes rare words rarer, by the same factor for all.
    expect(answer.map((hit) => hit.id)).toEqual((expected as { id: unknown }[]).map((hit) => hit.id));
  }
  expect(await db.search({ text: 'other' })).toHaveLength(1);
  expect(db.stats().memory.text).toBeGreaterThan(ROWS * 60);
});

test('close lets those that wait finish', async () => {
  const db = await SageDB.open({ path, durability: 'async' });
  const search = db.search({ text, k: 3 });
  await db.close();
  expect(await search).toHaveLength(3);
});

test('who never searches by text waits for nothing', async () => {
  const db = await SageDB.open({ path, durability: 'async', readOnly: true });
  expect(db.stats().memory.text).toBe(0);
  expect(await db.search([5, 1], { k: 1 })).toHaveLength(1);
  await db.close();
});
