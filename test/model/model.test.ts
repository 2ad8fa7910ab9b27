// Property: any sequence of calls, awaited or not, leaves the database in the state of a plain Map that got the same calls in the same
// order; whatever is read is what the model holds. SAGEDB_SEED repeats a run, SAGEDB_STEPS lengthens it.
import { afterAll, expect, test } from 'vitest';
import { type Id, type Metric, SageDB } from '../../lib/index.js';
import { random, randomVector } from '../support/numbers.js';

interface Meta {
  n: number;
  group: string;
}
interface Entry {
  vector: Float32Array;
  metadata: Partial<Meta>;
}

const DIMENSION = 8;
const seed = Number(process.env.SAGEDB_SEED ?? Date.now() % 1e9);
const steps = Number(process.env.SAGEDB_STEPS ?? 1500);

class Model {
  readonly entries = new Map<Id, Entry>();
  readonly #next: () => number;

  constructor(next: () => number) {
    this.#next = next;
  }

  /** Ids from a small set, so that operations meet. */
  id(): Id {
    const n = Math.floor(this.#next() * 150);
    return n % 3 === 0 ? `s${n}` : n + 1_000_000_000;
  }

  entry(): Entry {
    const n = Math.floor(this.#next() * 20);
    return { vector: randomVector(this.#next, DIMENSION), metadata: { n, group: `g${n % 4}` } };
  }

  matching(group: string): Id[] {
    return [...this.entries].filter(([, entry]) => entry.metadata.group === group).map(([id]) => id);
  }

  distances(query: Float32Array, metric: Metric): number[] {
    const score = ({ vector }: Entry) => {
      let dot = 0;
      let l2 = 0;
      let norm = 0;
      for (let i = 0; i < DIMENSION; i++) {
        const [a, b] = [query[i] as number, vector[i] as number];
        dot += a * b;
        l2 += (a - b) ** 2;
        norm += b * b;
      }
      const length = Math.hypot(...query);
      return metric === 'l2' ? Math.sqrt(l2) : metric === 'ip' ? dot : dot / (length * Math.sqrt(norm));
    };
    const all = [...this.entries.values()].map(score);
    return all.sort((a, b) => (metric === 'l2' ? a - b : b - a));
  }
}

/** One write: the call, and what the model says it must resolve to (an error code when it must reject). */
function write(db: SageDB<Partial<Meta>>, model: Model, kind: number): [Promise<unknown>, unknown] {
  const id = model.id();
  const { vector, metadata } = model.entry();
  const old = model.entries.get(id);
  switch (kind) {
    case 0: {
      if (!old) model.entries.set(id, { vector, metadata });
      return [db.add(vector, metadata, { id }), old ? 'DUPLICATE_ID' : id];
    }
    case 1:
      model.entries.set(id, { vector, metadata });
      return [db.upsert(vector, metadata, { id }), id];
    case 2:
      if (old) model.entries.set(id, { vector: old.vector, metadata });
      return [db.update(id, { metadata }), old !== undefined];
    case 3:
      if (old) model.entries.set(id, { vector, metadata: old.metadata });
      return [db.update(id, { vector }), old !== undefined];
    case 4:
      return [db.remove(id), model.entries.delete(id)];
    case 5: {
      const ids = [id, model.id(), model.id(), id];
      const removed = ids.filter((each) => model.entries.delete(each)).length;
      return [db.remove(ids), removed];
    }
    case 6: {
      const group = `g${(metadata.n ?? 0) % 4}`;
      const filter = { group, n: metadata.n };
      const hit = model.matching(group).filter((each) => model.entries.get(each)?.metadata.n === metadata.n);
      for (const each of hit) model.entries.delete(each);
      return [db.removeWhere(filter), hit.length];
    }
    case 9: {
      const group = `g${(metadata.n ?? 0) % 4}`;
      const ids = [...new Set([model.id(), model.id(), model.id()])];
      const rows = ids.map(() => model.entry());
      const gone = model.matching(group);
      if (ids.some((each) => model.entries.has(each) && !gone.includes(each))) {
        return [db.replaceWhere({ group }, rowsOf(ids, rows)), 'DUPLICATE_ID'];
      }
      for (const each of gone) model.entries.delete(each);
      for (const [i, each] of ids.entries()) model.entries.set(each, rows[i] as Entry);
      return [db.replaceWhere({ group }, rowsOf(ids, rows)), { ids, removed: gone.length }];
    }
    default: {
      const ids = [...new Set([model.id(), model.id(), model.id(), model.id()])];
      const rows = ids.map(() => model.entry());
      const upsert = kind === 7;
      const refused = !upsert && ids.some((each) => model.entries.has(each));
      if (!refused) for (const [i, each] of ids.entries()) model.entries.set(each, rows[i] as Entry);
      const vectors = rows.map((row) => row.vector);
      const texts = rows.map((row) => row.metadata);
      const call = upsert ? db.upsertBatch(vectors, texts, { ids }) : db.addBatch(vectors, texts, { ids });
      return [call, refused ? 'DUPLICATE_ID' : ids];
    }
  }
}

const rowsOf = (ids: Id[], rows: Entry[]) => rows.map((row, i) => ({ ...row, id: ids[i] }));

async function check(db: SageDB<Partial<Meta>>, model: Model, next: () => number, metric: Metric): Promise<void> {
  const ids = Array.from({ length: 5 }, () => model.id());
  const query = randomVector(next, DIMENSION);
  const group = `g${Math.floor(next() * 4)}`;
  const [size, count, items, has, found, exact, hits] = await Promise.all([
    db.size,
    db.count({ group }),
    db.getMany(ids, { includeVector: true }),
    db.has(ids[0] as Id),
    db.find({ group }),
    db.search(query, { k: 10, exact: true }),
    db.search(query, { k: 5, filter: { group } }),
  ]);
  expect(size).toBe(model.entries.size);
  expect(count).toBe(model.matching(group).length);
  expect(has).toBe(model.entries.has(ids[0] as Id));
  for (const [i, item] of items.entries()) {
    const entry = model.entries.get(ids[i] as Id);
    expect(item?.metadata).toEqual(entry?.metadata);
    for (let d = 0; entry && d < DIMENSION; d++) expect(item?.vector[d]).toBeCloseTo(entry.vector[d] as number, 4);
  }
  expect(new Set(found.map((item) => item.id))).toEqual(new Set(model.matching(group)));
  const truth = model.distances(query, metric).slice(0, 10);
  expect(exact.length).toBe(truth.length);
  for (const [i, hit] of exact.entries()) {
    expect(hit.score).toBeCloseTo(truth[i] as number, 3);
    expect(hit.metadata).toEqual(model.entries.get(hit.id)?.metadata);
  }
  expect(hits.length).toBe(Math.min(5, count));
  for (const hit of hits) expect(hit.metadata.group).toBe(group);
}

afterAll(() => console.log(`model test: SAGEDB_SEED=${seed}`));

test.each<Metric>(['l2', 'cosine', 'ip'])('random calls agree with the model: %s', async (metric) => {
  const next = random(seed + metric.length);
  const model = new Model(next);
  const db = await SageDB.open<Partial<Meta>>({ dimension: DIMENSION, metric, rebuildThreshold: 40 });
  const trace: string[] = [];
  let pending: [Promise<unknown>, unknown, string][] = [];
  const settle = async () => {
    const outcomes = await Promise.allSettled(pending.map(([call]) => call));
    for (const [i, outcome] of outcomes.entries()) {
      const [, expected, name] = pending[i] as [unknown, unknown, string];
      const got = outcome.status === 'fulfilled' ? outcome.value : outcome.reason.code;
      expect(got, `${name}; seed ${seed}, trace ${trace.slice(-20).join(' ')}`).toEqual(expected);
    }
    pending = [];
  };
  for (let step = 0; step < steps; step++) {
    const kind = Math.floor(next() * 10);
    trace.push(`${step}:${kind}`);
    pending.push([...write(db, model, kind), `step ${step}, write ${kind}`]);
    const dice = next();
    if (dice < 0.02) pending.push([next() < 0.5 ? db.buildIndex() : db.optimize(), undefined, `step ${step}, build`]);
    // Searches in between are not compared (they may run before or after), but must not disturb or fail.
    if (dice > 0.7) void db.search(randomVector(next, DIMENSION));
    if (dice > 0.9) {
      await settle();
      await check(db, model, next, metric);
    }
  }
  await settle();
  await db.optimize();
  await check(db, model, next, metric);
  await db.close();
});
