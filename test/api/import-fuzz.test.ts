// Property: whatever bytes the files of an import have, it ends with items that pass every check or with a SageDBError; what was imported before
// stays whole.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SageDB, SageDBError } from '../../lib/index.js';
import { random, randomFlat } from '../support/vectors.js';

const SECONDS = Number(process.env.SAGEDB_FAULT_SECONDS ?? 1.5);
const DIMENSION = 3;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sagedb-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PIECES = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '\n',
  'null',
  '1e999',
  '-',
  '"id":',
  '__proto__',
  '\u0000',
  '\xff',
];

function mutated(bytes: Buffer, next: () => number): Buffer {
  const out = [...bytes];
  for (let changes = 1 + Math.floor(next() * 4); changes > 0; changes--) {
    const at = Math.floor(next() * out.length);
    const kind = Math.floor(next() * 5);
    if (kind === 0) out[at] = (out[at] as number) ^ (1 << Math.floor(next() * 8));
    if (kind === 1) out[at] = Math.floor(next() * 256);
    if (kind === 2) out.splice(at, 1 + Math.floor(next() * 20));
    if (kind === 3) out.splice(at, 0, ...Buffer.from(PIECES[Math.floor(next() * PIECES.length)] as string, 'latin1'));
    if (kind === 4) out.length = at;
    if (out.length === 0) break;
  }
  return Buffer.from(out);
}

test('mutations of valid files', { timeout: 300_000 + SECONDS * 2000 }, async () => {
  await using db = await SageDB.open({ dimension: DIMENSION, metric: 'l2' });
  await db.addBatch(
    randomFlat(random(1), 12, DIMENSION),
    Array.from({ length: 12 }, (_, n) => ({ n, text: 'ü"\\', list: [1, { a: null }] })),
    { ids: Array.from({ length: 12 }, (_, i) => (i % 2 === 0 ? i : `id ${i}`)) },
  );
  await db.export(join(folder, 'good'));
  await db.export(join(folder, 'good.jsonl'));
  const valid = ['good/items.jsonl', 'good/vectors.npy', 'good.jsonl'].map((name) => readFileSync(join(folder, name)));
  const [items, vectors, one] = valid as [Buffer, Buffer, Buffer];
  mkdirSync(join(folder, 'bad'));

  const seed = Math.trunc(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  let inputs = 0;
  let refused = 0;
  for (const end = performance.now() + SECONDS * 1000; performance.now() < end; inputs++) {
    const next = random(seed + inputs);
    const which = inputs % 3;
    writeFileSync(join(folder, 'bad/items.jsonl'), which === 0 ? mutated(items, next) : items);
    writeFileSync(join(folder, 'bad/vectors.npy'), which === 1 ? mutated(vectors, next) : vectors);
    writeFileSync(join(folder, 'bad.jsonl'), which === 2 ? mutated(one, next) : one);
    await using target = await SageDB.open({ dimension: DIMENSION, metric: 'l2' });
    let imported = 0;
    try {
      imported = await target.import(join(folder, which === 2 ? 'bad.jsonl' : 'bad'), { batchSize: 5 });
    } catch (error) {
      refused++;
      expect(SageDBError.is(error), `seed ${seed + inputs}: ${error}`).toBe(true);
      expect((error as SageDBError).code, `seed ${seed + inputs}: ${error}`).not.toBe('INTERNAL');
    }
    // Whole batches, each item complete.
    if (imported > 0) expect(target.size).toBe(imported);
    for await (const item of target.iterate(undefined, { includeVector: true })) {
      expect(item.vector.every(Number.isFinite)).toBe(true);
      expect(typeof item.metadata).toBe('object');
    }
  }
  console.log(`${inputs} inputs, ${refused} refused`);
  expect(refused).toBeGreaterThan(inputs / 10);
});
