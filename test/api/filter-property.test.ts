// Property: for random metadata and filters, the database answers as the plain JavaScript oracle: while rows are fresh, after a build,
// after updates and removals, after compaction; through count, find and search, which returns every match when k allows it.
//
// SAGEDB_TEST_SEED repeats a run; SAGEDB_TEST_FILTERS sets how many filters are tried.
import { expect, test } from 'vitest';
import { type Filter, SageDB } from '../../lib/index.js';
import type { Metadata } from '../../lib/types.js';
import { FilterWorld, matches, seeded } from '../support/filter-oracle.js';

const ROUNDS = 25;
/** Filters that every step repeats: their cached answers have to keep up with the writes. */
const REPEATED = 20;
const FILTERS = Number(process.env.SAGEDB_TEST_FILTERS ?? 10_000);
const seed = Number(process.env.SAGEDB_TEST_SEED ?? Date.now() % 2 ** 31);

test(`${FILTERS} random filters, seed ${seed}`, async () => {
  console.log(`filter property seed ${seed}`);
  const totals = { filters: 0, matched: 0, tested: 0 };
  for (let round = 0; round < ROUNDS; round++) await oneDatabase(seed + round, FILTERS / ROUNDS, totals);
  console.log(`${totals.matched} of ${totals.tested} items matched ${totals.filters} filters`);
  expect(totals.filters).toBe(FILTERS);
  expect(totals.matched).toBeGreaterThan(totals.tested / 20);
  expect(totals.matched).toBeLessThan(totals.tested);
});

async function oneDatabase(
  roundSeed: number,
  filters: number,
  totals: { filters: number; matched: number; tested: number },
): Promise<void> {
  const below = seeded(roundSeed);
  const world = new FilterWorld(below);
  const vector = () => [below(1000) / 10 - 50, below(1000) / 10 - 50, below(7)];
  await using db = await SageDB.open({ dimension: 3, metric: 'l2', rebuildThreshold: 100_000 });
  const model = new Map<number, Metadata>();
  const add = async (count: number) => {
    const metadata = Array.from({ length: count }, () => world.metadata() as Metadata);
    const ids = (await db.addBatch(metadata.map(vector), metadata)) as number[];
    for (const [i, id] of ids.entries()) model.set(id, metadata[i] as Metadata);
  };
  const update = async (share: number) => {
    for (const id of model.keys()) {
      if (below(100) >= share) continue;
      const kind = below(6);
      const metadata = world.metadata() as Metadata;
      if (kind === 0) {
        await db.remove(id);
        model.delete(id);
      } else if (kind < 3) {
        await db.update(id, kind === 1 ? { metadata } : { metadata, vector: vector() });
        model.set(id, metadata);
      } else if (kind === 3) {
        await db.update(id, { vector: vector() });
      }
    }
  };
  const repeated = Array.from({ length: REPEATED }, () => world.filter() as Filter);
  const compare = async (count: number) => {
    const expectedOf = (filter: object) =>
      [...model].filter(([, m]) => matches(filter as Record<string, unknown>, m)).map(([id]) => id);
    const fresh = Array.from({ length: count - REPEATED }, () => world.filter() as Filter);
    const tried = [...repeated, ...fresh];
    const answers = await Promise.all(
      tried.map((filter) =>
        Promise.all([db.count(filter), db.find(filter), db.search([0, 0, 0], { filter, k: model.size + 1 })]),
      ),
    );
    for (const [i, [counted, found, hits]] of answers.entries()) {
      const filter = tried[i] as Filter;
      const expected = expectedOf(filter).sort((a, b) => a - b);
      const say = `seed ${roundSeed} filter ${JSON.stringify(filter)}`;
      const sorted = (items: { id: string | number }[]) => items.map((x) => x.id as number).sort((a, b) => a - b);
      expect(sorted(found), say).toEqual(expected);
      expect(sorted(hits), say).toEqual(expected);
      expect(counted, say).toBe(expected.length);
      totals.filters++;
      totals.matched += expected.length;
      totals.tested += model.size;
    }
  };
  const steps = [
    () => add(100),
    () => db.buildIndex(),
    () => update(100),
    () => add(30),
    () => add(3),
    () => update(3),
    () => db.optimize(),
    () => update(2),
  ];
  for (const step of steps) {
    await step();
    await compare(filters / steps.length);
  }
}
