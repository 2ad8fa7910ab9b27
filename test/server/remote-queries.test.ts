// Property: refined and raw searches, iterators, duplicates and long work give through a server what they give in process.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Progress, SageDB } from '../../lib/index.js';
import { createServer, type RemoteDatabase, type SageDBServer } from '../../lib/server/index.js';
import { SequentialDatabase } from '../support/sequential-database.js';
import { until } from '../support/until.js';

type Meta = { title: string; group: number };

const dimension = 8;
const rows = 3000;
const vector = (seed: number) => Float32Array.from({ length: dimension }, (_, i) => Math.sin(seed * 7.3 + i * 1.7));

let local: SageDB<Meta>;
let server: SageDBServer;
let remote: RemoteDatabase<Meta>;
/** The calls of one test, made on both. */
const both = async <T>(call: (database: SageDB<Meta> | RemoteDatabase<Meta>) => Promise<T>) => {
  const expected = await call(local);
  expect(await call(remote)).toEqual(expected);
  return expected;
};
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'resolved',
    (error: { name: string; code: string }) => `${error.name} ${error.code}`,
  );

beforeAll(async () => {
  local = await SageDB.open<Meta>({ dimension, metric: 'l2', textFields: ['title'] });
  server = await createServer(local, { port: 0 });
  remote = await SageDB.connect<Meta>(server.url, { maxConnections: 1 });
  await local.addBatch(
    Array.from({ length: rows }, (_, i) => vector(i)),
    Array.from({ length: rows }, (_, i) => ({ title: `title ${i}${' and more'.repeat(i % 5)}`, group: i % 7 })),
    { ids: Array.from({ length: rows }, (_, i) => (i % 3 === 0 ? `s${i}` : i)) },
  );
});

afterAll(async () => {
  await remote.close();
  await server.close();
  await local.close();
});

describe('searches', () => {
  it.each([
    { offset: 3 },
    { groupBy: 'group' },
    { groupBy: 'group', groupSize: 2, k: 5, includeMetadata: false },
    { diversity: 0.7, k: 4 },
    { diversity: 0.5, candidates: 30, offset: 2, includeVector: true },
    { radius: 1, filter: { group: 3 } },
  ] as const)('%j', async (options) => {
    const exact = { ...options, exact: true };
    expect((await both((database) => database.search(vector(5.5), exact))).length).toBeGreaterThan(2);
    await both((database) => database.search({ id: 's6' }, exact));
    await both((database) => database.search({ positive: [1, 's3'], negative: [8] }, exact));
  });

  it.each([
    {},
    { offset: 2, includeVector: true },
    { includeMetadata: false, groupBy: 'group' },
    { diversity: 0.5, candidates: 25 },
  ] as const)('the hook gets the same candidates: %j', async (options) => {
    const calls: unknown[] = [];
    const found = await both((database) =>
      database.search(vector(5.5), {
        k: 4,
        exact: true,
        ...options,
        rerank: async (hits) => {
          calls.push(structuredClone(hits));
          return hits.filter((hit) => hit.metadata.group !== 2).reverse();
        },
      }),
    );
    expect(found).toHaveLength(4);
    expect(calls).toHaveLength(2);
    expect(calls[1]).toEqual(calls[0]);
  });

  it.each([
    {},
    { highlight: true, k: 3, includeMetadata: false },
    { fields: { title: 2 }, k1: 0.5, b: 0, offset: 1 },
    { groupBy: 'group', filter: { group: { $lt: 4 } } },
  ] as const)('by text, alone and with a vector: %j', async (options) => {
    const text = 'title 17 nowhere';
    expect((await both((database) => database.search({ text, ...options }))).length).toBeGreaterThan(2);
    for (const fusion of [undefined, 'rrf', { weights: { vector: 1, text: 3 } }] as const) {
      const query = { text, vector: vector(5.5), ...options, ...(fusion && { fusion }) };
      expect(
        (await both((database) => database.search(query, { exact: true, includeVector: true })))[0],
      ).toHaveProperty('vector');
    }
    const hook = { rerank: <T>(hits: T[]) => hits.reverse(), k: 4 };
    const { k: _, ...rest } = { k: 0, ...options };
    expect(await both((database) => database.search({ text, ...rest }, hook))).toHaveLength(4);
  });

  it('explained', async () => {
    for (const [query, options] of [
      [vector(5.5), { filter: { group: 3 } }],
      [{ id: 's6' }, {}],
      [{ text: 'title 17', vector: vector(1), k: 3 }, { includeVector: true }],
      [vector(1), { rerank: <T>(hits: T[]) => hits.slice(1) }],
    ] as const) {
      const answers = [local, remote].map((database) => database.search(query, { ...options, explain: true }));
      const [expected, got] = await Promise.all(answers);
      expect(got!.explain.plans.length).toBeGreaterThan(0);
      expect(got!.explain.microseconds.total).toBeGreaterThan(0);
      expect({ ...got!.explain, microseconds: 0 }).toEqual({ ...expected!.explain, microseconds: 0 });
      expect([...got!]).toEqual([...expected!]);
    }
    expect(await remote.search(vector(1))).not.toHaveProperty('explain');
  });

  it('raw', async () => {
    for (const options of [{}, { includeVector: true }, { includeMetadata: true, k: 3 }, { radius: 0, k: 2 }]) {
      await both((database) => database.searchRaw(vector(9), options));
      await both((database) => database.batchSearchRaw([vector(1), vector(2)], options));
    }
    await both((database) => database.searchRaw(vector(9), { filter: { group: -1 } }));
    await both((database) => database.batchSearchRaw([]));
  });

  it('errors are the same', async () => {
    for (const call of [
      (d) => d.search({ id: 'none' }),
      (d) => d.search({ positive: [] }),
      (d) => d.search(vector(1), { groupSize: 2 }),
      (d) => d.search(vector(1), { diversity: 2 }),
      (d) => d.search(vector(1), { rerank: () => [{ id: 'x', score: 1, metadata: { title: '', group: 1 } }] }),
      (d) => d.search(vector(1), { rerank: 5 as never }),
      (d) => d.search(null as never),
      (d) => d.search({ text: 5 } as never),
      (d) => d.search({ text: 'a', b: 2 }),
      (d) => d.search({ text: 'a', k: 2 }, { k: 3 }),
      (d) => d.search({ text: 'a', fields: ['other'] }),
      (d) => d.search({ text: 'a', vector: [1] }),
      (d) => d.search({ text: 'a', fusion: 'rrf' }),
      (d) => d.search({ text: 'a' }, { diversity: 0.5 }),
      (d) => d.search(vector(1), { explain: 1 } as never),
      (d) => d.search(vector(1), { more: 1 } as never),
      (d) => d.searchRaw([1]),
      (d) => d.searchRaw(vector(1), { k: 0 }),
      (d) => d.findDuplicates({} as never),
      (d) => d.findDuplicates({ radius: 1, neighbors: 5000 }),
      (d) => d.iterate({}, { pageSize: 0 }).next(),
      (d) => d.iterate({ group: { $no: 1 } } as never).next(),
    ] as ((database: SageDB<Meta> | RemoteDatabase<Meta>) => Promise<unknown>)[]) {
      const expected = await codeOf(call(local));
      expect(expected).toMatch(/^SageDBError /);
      expect([call.toString(), await codeOf(call(remote))]).toEqual([call.toString(), expected]);
    }
  });
});

describe('iterate', () => {
  const all = async <T>(items: AsyncIterable<T>) => {
    const list: T[] = [];
    for await (const item of items) list.push(item);
    return list;
  };

  it.each([
    {},
    { includeVector: true, pageSize: 7 },
    { limit: 5, offset: 2, orderBy: { title: 'desc' }, select: ['title'] },
  ] as const)('%j', async (options) => {
    await both((database) => all(database.iterate(undefined, options)));
    expect((await both((database) => all(database.iterate({ group: 2 }, options)))).length).toBeGreaterThan(4);
    expect(await all(remote.iterate({ group: -1 }, options))).toEqual([]);
  });

  it('shows one snapshot, calls inside the loop work on one connection, and leaving it ends the request', async () => {
    let seen = 0;
    for await (const item of remote.iterate()) {
      if (seen === 0) await remote.add(vector(1), { title: 'later', group: 100 }, { id: 'later' });
      expect(item.id).not.toBe('later');
      expect(await remote.has(item.id)).toBe(true);
      if (++seen === 20) break;
    }
    expect(await remote.remove('later')).toBe(true);
    await until(() => server.inFlight === 0);
  });

  it('a reader that stops holds the server at a few pages, and is cut off in the end', async () => {
    const wide = 1024;
    let taken = 0;
    let ended = false;
    const endless = Object.assign(new SequentialDatabase({ dimension: wide }), {
      async *iterate() {
        try {
          for (;;) yield { id: taken++, metadata: {}, vector: new Float32Array(wide) };
        } finally {
          ended = true;
        }
      },
    });
    const host = await createServer(endless as never, { port: 0, streamTimeoutMs: 500 });
    const client = await SageDB.connect(host.url);
    const items = client.iterate(undefined, { includeVector: true });
    await items.next();
    await until(() => host.inFlight === 0);
    await until(() => ended);
    // 4 KiB each; what lies in the sockets of both sides is a few MiB.
    expect(taken).toBeLessThan(10_000);
    await expect(all(items)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await client.close();
    await host.close();
  });

  it('a client that leaves before the first page lets go of the snapshot, too', async () => {
    let begun = false;
    let ended = false;
    let go = () => {};
    const slow = Object.assign(new SequentialDatabase({ dimension }), {
      async *iterate() {
        try {
          begun = true;
          await new Promise<void>((resolve) => {
            go = resolve;
          });
          yield { id: 1, metadata: {} };
        } finally {
          ended = true;
        }
      },
    });
    const host = await createServer(slow as never, { port: 0 });
    const client = await SageDB.connect(host.url);
    const items = client.iterate();
    const first = items.next();
    await until(() => begun);
    await Promise.all([client.close(), expect(first).rejects.toMatchObject({ name: 'SageDBError' })]);
    await until(() => host.inFlight === 0);
    go();
    await until(() => ended);
    await host.close();
  });

  it('a closed connection ends it', async () => {
    const other = await SageDB.connect<Meta>(server.url);
    await other.close();
    await expect(other.iterate().next()).rejects.toMatchObject({ code: 'CLOSED' });
  });
});

describe('long work', () => {
  it('duplicates, verification and refresh', async () => {
    await both((database) => database.findDuplicates({ radius: 0.05, exact: true }));
    await both((database) => database.verify());
    await both((database) => database.refresh());
  });

  it('progress arrives and ends at the total; what the callback throws rejects the call', async () => {
    for (const work of [
      (onProgress: (progress: Progress) => void) => remote.findDuplicates({ radius: 0.05, onProgress }),
      (onProgress: (progress: Progress) => void) => remote.addBatch([vector(1)], undefined, { onProgress }),
      (onProgress: (progress: Progress) => void) => remote.optimize({ onProgress }),
    ]) {
      const seen: Progress[] = [];
      await work((progress) => seen.push(progress));
      expect(seen.length).toBeGreaterThan(0);
      expect(seen.at(-1)!.done).toBe(seen.at(-1)!.total);
    }
    const failing = remote.findDuplicates({
      radius: 0.05,
      onProgress: () => {
        throw new Error('enough');
      },
    });
    await expect(failing).rejects.toThrow('enough');
    await until(() => server.inFlight === 0);
  });

  it('a signal ends work with progress', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const onProgress = () => controller.abort('enough');
    const work = remote.findDuplicates({ radius: 0.05, exact: true, signal, onProgress });
    await expect(work).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    await until(() => server.inFlight === 0);
  });

  it('a signal that fires between the head of an answer and its parts', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const remove = signal.removeEventListener.bind(signal);
    // The exchange lets go of the signal when it has the head.
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      remove(...args);
      queueMicrotask(() => controller.abort('enough'));
    };
    const work = remote.findDuplicates({ radius: 0.05, exact: true, signal, onProgress: () => {} });
    await expect(work).rejects.toMatchObject({ code: 'ABORTED', cause: 'enough' });
    await until(() => server.inFlight === 0);
  });

  it('export and import through the connection', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sagedb-remote-'));
    const target = await SageDB.open<Meta>({ dimension, metric: 'l2' });
    const host = await createServer(target, { port: 0 });
    const client = await SageDB.connect<Meta>(host.url);
    try {
      const count = await remote.export(join(folder, 'out'), { filter: { group: 1 } });
      expect(count).toBe(await local.count({ group: 1 }));
      expect(await client.import(join(folder, 'out'), { batchSize: 100 })).toBe(count);
      expect(await target.find({}, { orderBy: 'title', includeVector: true })).toEqual(
        await local.find({ group: 1 }, { orderBy: 'title', includeVector: true }),
      );
    } finally {
      await client.close();
      await host.close();
      await target.close();
      await rm(folder, { recursive: true });
    }
  });
});

it('a server has no routes for what its database cannot do', async () => {
  const host = await createServer(new SequentialDatabase({ dimension }), { port: 0 });
  const client = await SageDB.connect(host.url);
  await expect(client.searchRaw(vector(1))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(client.iterate().next()).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await client.close();
  await host.close();
});
