// Property: the groups are the connected components of «within radius», as computed from all pairs.
import { expect, test } from 'vitest';
import { type Id, type Metric, SageDB } from '../../lib/index.js';
import { expectCode, random } from '../support/vectors.js';

function close(metric: Metric, a: number[], b: number[], radius: number): boolean {
  const dot = (x: number[], y: number[]) => x.reduce((sum, v, d) => sum + v * (y[d] as number), 0);
  if (metric === 'l2') return Math.hypot(...a.map((v, d) => v - (b[d] as number))) <= radius;
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)) >= radius;
}

function components(metric: Metric, vectors: number[][], radius: number): Set<string> {
  const group = vectors.map((_, i) => i);
  for (let changed = true; changed; ) {
    changed = false;
    for (const [i, a] of vectors.entries())
      for (const [j, b] of vectors.entries())
        if (group[i] !== group[j] && close(metric, a, b, radius)) {
          group[i] = group[j] = Math.min(group[i] as number, group[j] as number);
          changed = true;
        }
  }
  const members = new Map<number, number[]>();
  for (const [i, root] of group.entries()) members.set(root, [...(members.get(root) ?? []), i]);
  return new Set([...members.values()].filter((list) => list.length > 1).map((list) => list.join()));
}

const asSet = (groups: Id[][]) => new Set(groups.map((ids) => (ids as number[]).sort((a, b) => a - b).join()));

test.each<[Metric, number]>([
  ['l2', 0.02],
  ['cosine', 0.9999],
])('equals all pairs under %s', async (metric, radius) => {
  const seed = Date.now() % 2 ** 31;
  const next = random(seed);
  const vectors: number[][] = [];
  for (let i = 0; i < 300; i++) {
    const near = next() < 0.5 && i > 0 ? vectors[Math.floor(next() * i)] : undefined;
    vectors.push(
      near
        ? near.map((v) => Math.fround(v + (next() - 0.5) * 0.01))
        : Array.from({ length: 4 }, () => Math.fround(next() + 0.1)),
    );
  }
  await using db = await SageDB.open<{ i: number }>({ dimension: 4, metric });
  await db.addBatch(
    vectors,
    vectors.map((_, i) => ({ i })),
    { ids: vectors.map((_, i) => i) },
  );
  const seen: number[] = [];
  const groups = await db.findDuplicates({
    radius,
    neighbors: 100,
    exact: true,
    onProgress: ({ done }) => seen.push(done),
  });
  expect(asSet(groups), `seed ${seed}`).toEqual(components(metric, vectors, radius));
  expect(seen).toEqual([256, 300]);
  const half = await db.findDuplicates({ radius, neighbors: 100, exact: true, filter: { i: { $lt: 150 } } });
  expect(asSet(half), `seed ${seed}`).toEqual(components(metric, vectors.slice(0, 150), radius));
});

test('a thousand copies are one group, found through few neighbors', async () => {
  await using db = await SageDB.open({ dimension: 2, metric: 'l2' });
  await db.addBatch(Array.from({ length: 1000 }, () => [1, 2]));
  await db.addBatch([[5, 5], [9, 9]], undefined, { ids: ['a', 'b'] }); // biome-ignore format: rows
  const groups = await db.findDuplicates({ radius: 0 });
  expect(groups.map((ids) => ids.length)).toEqual([1000]);
});

test('can be aborted; options are checked', async () => {
  await using db = await SageDB.open({ dimension: 2, metric: 'l2' });
  await db.addBatch(Array.from({ length: 2000 }, (_, i) => [i, 0]));
  const abort = new AbortController();
  await expectCode(
    () => db.findDuplicates({ radius: 0.5, signal: abort.signal, onProgress: () => abort.abort() }),
    'ABORTED',
  );
  await expectCode(() => db.findDuplicates({} as { radius: number }), 'INVALID_ARGUMENT');
  await expectCode(() => db.findDuplicates({ radius: -1 }), 'INVALID_ARGUMENT');
  await expectCode(() => db.findDuplicates({ radius: 1, neighbors: 0 }), 'INVALID_ARGUMENT');
  expect(await db.findDuplicates({ radius: 0.5 })).toEqual([]);
});
