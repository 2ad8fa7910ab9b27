// Property: the curve is what exact search says of this data, without the items' own hits; samples are drawn from all items.
import { expect, it } from 'vitest';
import { measureRecall } from '../../lib/explore/recall-curve.js';
import { sampleItems } from '../../lib/explore/sample.js';
import { SageDB } from '../../lib/index.js';
import { clusteredVectors } from '../../lib/random.js';

it('recall rises with the width to 1; the sample is uniform and without repeats', async () => {
  await using db = await SageDB.open({ dimension: 16, metric: 'l2', index: { type: 'hnsw' } });
  const rows = 4000;
  const ids = Array.from({ length: rows }, (_, i) => (i % 2 ? `s${i}` : i));
  await db.addBatch(clusteredVectors(rows, 16, 1), undefined, { ids });
  await db.buildIndex();
  const items = await sampleItems(db, 300);
  expect(new Set(items.map((item) => item.id)).size).toBe(300);
  const later = items.filter(({ id }) => Number(String(id).replace('s', '')) >= rows / 2).length;
  expect(later).toBeGreaterThan(110);
  expect(later).toBeLessThan(190);

  const { points, exact } = await measureRecall(db, items.slice(0, 100), 10, new AbortController().signal);
  expect(points.map((point) => point.ef)).toEqual([16, 32, 64, 128, 256, 512]);
  expect(points.at(-1)!.recall).toBeGreaterThan(0.999);
  expect(points[0]!.recall).toBeLessThanOrEqual(points.at(-1)!.recall);
  for (const { median, p95 } of [...points, exact]) expect(p95).toBeGreaterThanOrEqual(median);
  const gone = AbortSignal.abort();
  await expect(measureRecall(db, items, 10, gone)).rejects.toMatchObject({ code: 'ABORTED' });
});

it('all items when there are fewer than asked for', async () => {
  await using db = await SageDB.open({ dimension: 2 });
  expect(await sampleItems(db, 10)).toEqual([]);
  await db.addBatch([
    [1, 0],
    [0, 1],
  ]);
  expect((await sampleItems(db, 10)).map((item) => item.id)).toEqual([1, 2]);
});
