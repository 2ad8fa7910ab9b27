// Property: `explain` names the way a search went and what it cost, and changes nothing about its hits.
import { expect, test } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { random, randomFlat, randomVector } from '../support/vectors.js';

interface Meta {
  share: number;
  text: string;
}
const ROWS = 6000;
const DIMENSION = 48;

test('plans, counts and times', async () => {
  const next = random(5);
  await using db = await SageDB.open<Meta>({
    dimension: DIMENSION,
    metric: 'cosine',
    textFields: ['text'],
    rebuildThreshold: 100_000,
  });
  const metadata = Array.from({ length: ROWS }, (_, i) => ({
    share: i % 1000,
    text: i % 3 === 0 ? 'third item' : 'item',
  }));
  const query = randomVector(next, DIMENSION);
  await db.addBatch(randomFlat(next, ROWS, DIMENSION), metadata);
  const explained = async (options: object, text?: string) => {
    const asked = text === undefined ? query : { text, vector: query };
    const plain = await db.search(asked as never, options);
    const { explain, ...rest } = await db.search(asked as never, { ...options, explain: true });
    expect(Object.values(rest)).toEqual([...plain]);
    expect(plain).not.toHaveProperty('explain');
    const stages = Object.values(explain.microseconds);
    for (const time of stages) expect(time).toBeGreaterThanOrEqual(0);
    const { total, ...parts } = explain.microseconds;
    expect(Object.values(parts).reduce((sum, time) => sum + time, 0)).toBeLessThanOrEqual(total * 1.001);
    return explain;
  };

  const scan = await explained({ ef: 100 });
  expect(scan).toMatchObject({ plans: ['scan'], visited: 0, freshRows: 0 });
  expect(scan.distances).toBeGreaterThan(0);

  await db.buildIndex();
  const graph = await explained({ ef: 100 });
  expect(graph.plans).toEqual(['graph']);
  expect(graph.visited).toBeGreaterThan(10);
  expect(graph.distances).toBeGreaterThan(graph.visited);
  expect(graph.distances).toBeLessThan(ROWS);
  expect(graph.reranked).toBeGreaterThanOrEqual(10);
  expect(graph).not.toHaveProperty('filterMatches');
  expect(graph.microseconds.index).toBeGreaterThan(0);
  expect((await explained({ exact: true })).plans).toEqual(['scan']);

  // Room for ties does not widen a search, and does not go beyond what is there.
  const narrow = await explained({ k: 10, ef: 10 });
  expect(narrow.visited).toBeGreaterThanOrEqual(10);
  expect(narrow.visited).toBeLessThan((await explained({ k: 10, ef: 18 })).visited);

  const few = await explained({ ef: 100, filter: { share: 5 } });
  expect(few).toMatchObject({ plans: ['filtered-scan'], filterMatches: 6, distances: 6 });
  const most = await explained({ ef: 20, filter: { share: { $lt: 900 } } });
  expect(most.plans).toEqual([expect.stringMatching(/^(traverse|two-hop)$/)]);
  expect(most.filterMatches).toBe(5400);
  expect(most.visited).toBeGreaterThan(10);

  await db.addBatch(randomFlat(next, 50, DIMENSION), metadata.slice(0, 50));
  expect((await explained({ ef: 100 })).freshRows).toBe(50);

  const hybrid = await explained({ ef: 100 }, 'third nowhere');
  expect(hybrid.plans).toEqual(['graph', 'text']);
  expect(hybrid).toMatchObject({ textWords: 1 });
  expect(hybrid.textPostings).toBeGreaterThan(0);
  expect(hybrid.microseconds.text).toBeGreaterThan(0);
  const text = await db.search({ text: 'third', k: 5 }, { explain: true });
  expect(text.explain).toMatchObject({ plans: ['text'], visited: 0, distances: 0, textWords: 1 });
  expect(text.explain.textScored).toBeGreaterThanOrEqual(5);

  const grouped = await db.search(query, { k: 3, groupBy: 'share', explain: true });
  expect(grouped).toHaveLength(3);
  expect(grouped.explain.plans).toEqual(['graph']);
  const example = await db.search({ id: 1 }, { k: 3, explain: true });
  expect(example.explain.plans).toEqual(['graph']);
});
