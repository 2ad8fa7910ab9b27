// Property: an aborted call rejects with ABORTED whose cause is the signal's reason, and has changed nothing; progress only rises and
// ends at its total.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Progress, SageDB } from '../../lib/index.js';
import { expectCode, random, randomFlat } from '../support/vectors.js';

const DIMENSION = 32;
const reason = new Error('changed my mind');
const large = randomFlat(random(21), 60_000, DIMENSION); // 7.7 MB: copied in slices

let db: SageDB;
beforeEach(async () => {
  db = await SageDB.open({ dimension: DIMENSION, metric: 'l2' });
});
afterEach(() => db.close());

const vector = large.subarray(0, DIMENSION);
const aborted = { code: 'ABORTED', cause: reason };

test('a signal that has already fired rejects before anything is done', async () => {
  const signal = AbortSignal.abort(reason);
  const calls = [
    db.search(vector, { signal }),
    db.searchRaw(vector, { signal }),
    db.batchSearch([vector], { signal }),
    db.batchSearchRaw([vector], { signal }),
    db.addBatch([vector], undefined, { signal }),
    db.upsertBatch([vector], undefined, { signal }),
    db.buildIndex({ signal }),
    db.optimize({ signal }),
  ];
  for (const call of calls) await expect(call).rejects.toMatchObject(aborted);
  expect(db.stats()).toMatchObject({ size: 0, totalSearches: 0, indexRebuilds: 0 });
});

describe('addBatch', () => {
  test('aborted while it is copied: nothing is added, and what follows goes on in order', async () => {
    const controller = new AbortController();
    const batch = db.addBatch(large, undefined, { signal: controller.signal });
    const after = db.add(vector, { after: true });
    setImmediate(() => controller.abort(reason));
    await expect(batch).rejects.toMatchObject(aborted);
    await after;
    expect(db.size).toBe(1);
  });

  test('aborted while it waits behind another batch', async () => {
    const controller = new AbortController();
    const first = db.addBatch(large);
    const second = db.addBatch(large.subarray(0, 10 * DIMENSION), undefined, { signal: controller.signal });
    controller.abort(reason);
    await expect(second).rejects.toMatchObject(aborted);
    expect((await first).length).toBe(60_000);
    expect(db.size).toBe(60_000);
  });

  test('aborted at any moment: all or nothing, and the promise tells which', async () => {
    for (let delay = 0; delay < 40; delay += 4) {
      const before = db.size;
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), delay);
      const outcome = await db
        .addBatch(large.subarray(0, 20_000 * DIMENSION), undefined, { signal: controller.signal })
        .then((ids) => ids.length)
        .catch((error) => {
          expect(error).toMatchObject(aborted);
          return 0;
        });
      expect([0, 20_000]).toContain(outcome);
      expect(db.size).toBe(before + outcome);
    }
  });

  test('progress rises to the total; the loop turns meanwhile', async () => {
    const seen: Progress[] = [];
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await db.addBatch(large, undefined, { onProgress: (p) => seen.push({ ...p }) });
    clearInterval(timer);
    expect(seen.length).toBeGreaterThan(2);
    expect(turns).toBeGreaterThan(2);
    for (const [i, { done, total }] of seen.entries()) {
      expect(total).toBe(60_000);
      expect(done).toBeGreaterThan(seen[i - 1]?.done ?? 0);
    }
    expect(seen.at(-1)?.done).toBe(60_000);
  });

  test('an exception of onProgress takes the batch back and comes out as it is', async () => {
    let calls = 0;
    const onProgress = () => {
      if (++calls === 2) throw reason;
    };
    await expect(db.addBatch(large, undefined, { onProgress })).rejects.toBe(reason);
    expect(db.size).toBe(0);
  });

  test('input that changes while it is copied is noticed', async () => {
    const detached = large.slice();
    const batch = db.addBatch(detached);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    await expectCode(() => batch, 'INVALID_VECTOR', /^vectors: .*detached/);
    const spoiled = large.slice();
    const other = db.addBatch(spoiled);
    spoiled[spoiled.length - 1] = Number.NaN;
    await expectCode(() => other, 'INVALID_VECTOR', /^vectors\[59999\], component 31/);
    expect(db.size).toBe(0);
  });
});

describe('search', () => {
  const rows = large.subarray(0, 20_000 * DIMENSION);
  beforeEach(() => db.addBatch(rows));

  test('in flight and waiting', async () => {
    const controller = new AbortController();
    const options = { exact: true, signal: controller.signal };
    const calls = Array.from({ length: 600 }, () => db.search(vector, options));
    const batch = db.batchSearch(large.subarray(0, 5000 * DIMENSION), options);
    const unrelated = db.search(vector, { k: 1, exact: true });
    setTimeout(() => controller.abort(reason), 2);
    const results = await Promise.allSettled([...calls, batch]);
    const rejected = results.filter((r) => r.status === 'rejected');
    expect(rejected.length).toBeGreaterThan(0);
    for (const r of rejected) expect(r.reason).toMatchObject(aborted);
    expect((await unrelated)[0]?.score).toBe(0);
  });

  test('hundreds of calls share one listener, and it is taken off the signal', async () => {
    const { signal } = new AbortController();
    let listening = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listening++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listening--;
      remove(...args);
    };
    const calls = [
      ...Array.from({ length: 300 }, () => db.search(vector, { signal })),
      db.batchSearch([vector], { signal }),
      db.addBatch([vector], undefined, { signal }),
      expectCode(() => db.search(new Float32Array(DIMENSION).fill(Number.NaN), { signal }), 'INVALID_VECTOR'),
    ];
    expect(listening).toBe(1);
    await Promise.all<unknown>(calls);
    expect(listening).toBe(0);
  });
});

describe('builds', () => {
  const rows = large.subarray(0, 8000 * DIMENSION);

  test('aborted in flight: the database goes on', async () => {
    await db.addBatch(rows);
    for (const start of [db.buildIndex.bind(db), db.optimize.bind(db)]) {
      const controller = new AbortController();
      const build = start({ signal: controller.signal });
      setTimeout(() => controller.abort(reason), 5);
      await build.catch((error) => expect(error).toMatchObject(aborted));
    }
    expect((await db.search(vector, { k: 1 }))[0]?.score).toBe(0);
    await db.buildIndex();
    expect(db.stats().freshRows).toBe(0);
  });

  test('progress rises and ends at its total', async () => {
    await db.addBatch(rows);
    const seen: Progress[] = [];
    await db.buildIndex({ onProgress: (p) => seen.push({ ...p }) });
    expect(seen.length).toBeGreaterThan(0);
    for (const [i, { done, total }] of seen.entries()) {
      expect(done).toBeLessThanOrEqual(total);
      expect(done).toBeGreaterThanOrEqual(seen[i - 1]?.done ?? 0);
    }
    expect(seen.at(-1)?.done).toBe(seen.at(-1)?.total);
  });

  test('an exception of onProgress comes out as it is', async () => {
    await db.addBatch(rows);
    const onProgress = () => {
      throw reason;
    };
    await expect(db.buildIndex({ onProgress })).rejects.toBe(reason);
  });
});
