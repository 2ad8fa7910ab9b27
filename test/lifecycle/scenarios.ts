// Scenarios that would take a test process down with them: each is run in a process of its own by lifecycle.test.ts, bundled to plain
// JavaScript because worker threads load no TypeScript.
// A scenario ends by returning; what it returns is printed as JSON.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { SageDB } from '../../lib/index.js';
import { native } from '../../lib/native.js';
import { random, randomFlat } from '../support/numbers.js';
import { ThreadLimit } from '../support/thread-limit.js';

const DIMENSION = 32;
const data = (rows: number, seed = 1) => randomFlat(random(seed), rows, DIMENSION);
const query = data(1, 9);
const open = (rebuildThreshold = 1000) => SageDB.open({ dimension: DIMENSION, metric: 'l2', rebuildThreshold });
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'ok',
    (error) => error.code ?? String(error),
  );
const gc = () => (globalThis as unknown as { gc(): void }).gc();

function spawn(role: string, handle?: string): Worker {
  return new Worker(new URL(import.meta.url), { workerData: { role, handle } });
}
const message = (worker: Worker) =>
  new Promise<unknown>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
const exit = (worker: Worker) => new Promise<number>((resolve) => worker.once('exit', resolve));

/**
 * Keeps searches, writes and builds in flight, without end. Of a few rounds at most: what piles up without a bound while a slow machine
 * starts the other threads, takes minutes to give back.
 */
async function churn(db: SageDB, seed: number): Promise<never> {
  const rows = data(300, seed);
  const rounds: Promise<unknown>[] = [];
  for (let round = 0; ; round++) {
    const work: Promise<unknown>[] = [db.addBatch(rows), db.batchSearch(rows)];
    for (let i = 0; i < 50; i++)
      work.push(db.search(query), db.upsert(query, { i }, { id: `${seed}-${i}` }), db.get(i));
    if (round % 3 === 0) work.push(db.buildIndex());
    if (round === 0) parentPort?.postMessage('busy');
    const all = Promise.all(work);
    rounds.push(all);
    await Promise.race([all, wait(5)]);
    if (rounds.length === 4) await rounds.shift();
  }
}

const roles: Record<string, (handle: string) => Promise<void>> = {
  /** Searches until the owner closes. */
  async untilClosed(handle) {
    const db = SageDB.attach(handle);
    parentPort?.postMessage('ready');
    for (let searches = 0; ; searches++) {
      const outcome = await code(db.search(query));
      if (outcome !== 'ok') {
        await db.close();
        parentPort?.postMessage([outcome, searches > 0, await code(db.search(query))]);
        return;
      }
    }
  },
  /** One search at once after the other, without end: a worker of the pool stays for the next one. */
  async lone(handle) {
    const db = SageDB.attach(handle);
    for (let i = 0; ; i++) {
      await db.search(query);
      if (i === 100) parentPort?.postMessage('searching');
    }
  },
  async turning() {
    native().keepTurning(60_000);
  },
  async creator() {
    const db = await open();
    await db.addBatch(data(3000));
    parentPort?.postMessage(db.handle);
    await churn(db, 2);
  },
  async attachedChurn(handle) {
    await churn(SageDB.attach(handle), Math.floor(Math.random() * 1e6));
  },
  async builderOnly() {
    const db = await open(100);
    await db.addBatch(data(20_000));
    void db.buildIndex();
    parentPort?.postMessage('building');
    await wait(1e6);
  },
  /** Databases that open, work and close, without end. */
  async closing() {
    for (let round = 0; ; round++) {
      const dbs = await Promise.all([open(100), open(100), open(100)]);
      await Promise.all(dbs.slice(1).map((db) => db.addBatch(data(300))));
      void dbs[1]?.buildIndex().catch(() => {});
      if (round === 0) parentPort?.postMessage('closing');
      await Promise.all([SageDB.attach((dbs[2] as SageDB).handle), ...dbs].map((db) => db.close()));
    }
  },
  async exits() {
    const db = await open(100);
    await db.addBatch(data(20_000));
    void db.buildIndex();
    void db.search(query);
    process.exit(0);
  },
  async addsAndCounts(handle) {
    const db = SageDB.attach(handle);
    await Promise.all(Array.from({ length: 200 }, () => db.add(query)));
    parentPort?.postMessage((await db.search(query, { k: 1 }))[0]?.score);
    await db.close();
  },
  async idleAfterBatch() {
    parentPort?.postMessage(await idleAfterBatch());
  },
};

/** Share of a processor that this process uses in the 50 ms after `work`; the least of five rounds. */
async function idleShare(rows: number, work: (db: SageDB) => Promise<void>): Promise<number> {
  const db = await open();
  await db.addBatch(data(rows));
  await db.buildIndex(); // a build in the background is not idling
  const shares: number[] = [];
  for (let round = 0; round < 5; round++) {
    await work(db);
    const before = process.cpuUsage();
    const start = performance.now();
    await wait(50);
    const used = process.cpuUsage(before);
    shares.push((used.user + used.system) / 1000 / (performance.now() - start));
  }
  await db.close();
  return Math.min(...shares);
}

const queries = data(500, 3);
/** After a batch on all threads. */
const idleAfterBatch = () => idleShare(5000, async (db) => void db.batchSearchSync(queries, { exact: true }));

const scenarios: Record<string, () => Promise<unknown>> = {
  async ownerClosesFirst() {
    const db = await open();
    await db.addBatch(data(5000));
    const workers = Array.from({ length: 3 }, () => spawn('untilClosed', db.handle));
    await Promise.all(workers.map(message));
    const results = workers.map(message);
    await wait(50);
    await db.close();
    return Promise.all(results);
  },

  async creatorExitsFirst() {
    const worker = spawn('creator');
    const db = SageDB.attach((await message(worker)) as string);
    const before = db.size;
    await worker.terminate();
    const mine = data(1, 77);
    await db.add(mine, { after: true }, { id: 'mine' });
    const [hit] = await db.search(mine, { k: 1, exact: true });
    await db.buildIndex();
    const { handle } = db;
    await db.close();
    // The engine ends with its last reference, on a thread of its own.
    const attach = () => code((async () => SageDB.attach(handle))());
    for (let i = 0; i < 100 && (await attach()) === 'ok'; i++) await wait(50);
    return { enough: before >= 3000, hit, attach: await attach() };
  },

  /** The loop that does not sleep: how much of its time it is busy, at most for the given time, and until everyone has stopped it. */
  async turningLoop() {
    const busy = async (milliseconds: number) => {
      const before = performance.eventLoopUtilization();
      await wait(milliseconds);
      return performance.eventLoopUtilization(before).utilization > 0.5;
    };
    native().keepTurning(60);
    const bounded = [await busy(20), await wait(60).then(() => busy(40))];
    native().stopTurning();
    native().keepTurning(60_000);
    native().keepTurning(60_000);
    native().stopTurning();
    const held = await busy(20);
    native().stopTurning();
    const stopped = await busy(40);
    native().keepTurning(60_000); // and both threads end all the same
    return { bounded, held, stopped, worker: await exit(spawn('turning')) };
  },
  async loneTerminated() {
    const db = await open();
    await db.addBatch(data(1000));
    for (let round = 0; round < 15; round++) {
      const workers = Array.from({ length: 2 }, () => spawn('lone', db.handle));
      await Promise.all(workers.map(message));
      await wait(round);
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    const found = await db.search(query, { k: 3 });
    await db.close();
    return found.length;
  },

  /** Threads stay awake for a moment after lone searches. */
  async idleAfterLone() {
    return idleShare(1000, async (db) => {
      for (let i = 0; i < 200; i++) await db.search(query);
    });
  },

  /** And after many in flight. */
  async idleAfterMany() {
    return idleShare(1000, async (db) => {
      const caller = async () => {
        for (let i = 0; i < 50; i++) await db.search(query);
      };
      await Promise.all(Array.from({ length: 64 }, caller));
    });
  },

  async tenTerminated() {
    const db = await open(500);
    await db.addBatch(data(3000));
    for (let round = 0; round < 2; round++) {
      const workers = Array.from({ length: 5 }, () => spawn('attachedChurn', db.handle));
      await Promise.all(workers.map(message));
      await wait(30);
      console.error(`round ${round}: all busy, ${db.size} rows`);
      await Promise.all(workers.map((worker) => worker.terminate()));
      console.error(`round ${round}: all terminated, ${db.size} rows`);
    }
    const ids = await db.addBatch(data(100, 5));
    const item = await db.get(ids[0] as number);
    const consistent = db.size === (await db.count()) && (await db.find({})).length === db.size;
    await db.close();
    return { consistent, found: item !== undefined };
  },

  async workersShare() {
    const db = await open();
    const workers = Array.from({ length: 4 }, () => spawn('addsAndCounts', db.handle));
    const scores = await Promise.all(workers.map(message));
    const { size } = db;
    await db.close();
    return { scores, size };
  },

  async workerEndsWhileBuilding() {
    const worker = spawn('builderOnly');
    await message(worker);
    await worker.terminate();
    await wait(50);
    return 'alive';
  },

  async workerExitsItself() {
    const codes = await Promise.all(Array.from({ length: 4 }, () => exit(spawn('exits'))));
    return codes;
  },

  async exitDuringBuild() {
    const db = await open(100);
    await db.addBatch(data(20_000));
    void db.buildIndex();
    void db.batchSearch(data(2000));
    for (let i = 0; i < 100; i++) void db.add(query);
    await wait(20);
    console.log('"exiting"');
    process.exit(0);
  },

  async endsWithoutClose() {
    const db = await open(100);
    await db.addBatch(data(5000));
    return 'ends';
  },

  async pendingWorkKeepsAlive() {
    const db = await open();
    // Nobody awaits: the process must not end before.
    db.add(query).then((id) => db.search(query, { k: 1 }).then(([hit]) => console.log(JSON.stringify(hit?.id === id))));
    return undefined;
  },

  async gcInMidSearch() {
    let found = 0;
    for (let round = 0; round < 20; round++) {
      let db: SageDB | null = await open(200);
      await db.addBatch(data(3000));
      const pending = [
        db.search(query, { exact: true }),
        db.batchSearch(data(1500), { exact: true }),
        db.add(query),
        db.get(1),
        db.find({}),
        db.buildIndex(),
      ];
      db = null;
      gc();
      await turn();
      gc();
      found += ((await pending[0]) as unknown[]).length;
      await Promise.all(pending);
    }
    return found;
  },

  async droppedInMidBuild() {
    const threads = () => readdirSync('/proc/self/task').length;
    gc();
    const before = threads();
    let slowest = 0;
    for (let round = 0; round < 10; round++) {
      let db: SageDB | null = await open(100);
      await db.addBatch(data(10_000));
      db = null;
      const start = performance.now();
      gc();
      await turn();
      slowest = Math.max(slowest, performance.now() - start);
    }
    for (let i = 0; i < 100 && threads() > before + 6; i++) {
      gc();
      await wait(50);
    }
    // libuv's four and one OpenMP team per thread that searched may stay.
    return { leakedThreads: Math.max(0, threads() - before - 12) };
  },

  async openCloseCycles() {
    const rows = data(400);
    const cycle = async () => {
      const db = await open(100);
      await db.addBatch(rows);
      await Promise.all([db.search(query), db.buildIndex(), db.remove(1)]);
      await db.close();
    };
    const round = async () => {
      for (let i = 0; i < 100; i++) await cycle();
      gc();
      await wait(50);
      return process.memoryUsage();
    };
    let memory = await round();
    const external = memory.external;
    const tasks = readdirSync('/proc/self/task').length;
    const grownMiB: number[] = [];
    for (let i = 0; i < 5; i++) {
      const after = await round();
      grownMiB.push((after.rss - memory.rss) / 2 ** 20);
      memory = after;
    }
    return {
      grownMiB,
      externalMiB: (memory.external - external) / 2 ** 20,
      threads: readdirSync('/proc/self/task').length - tasks,
    };
  },

  /** Threads that closed databases leave while their objects are held, however the databases were used. */
  async closedButHeld() {
    const threads = () => readdirSync('/proc/self/task').length;
    const folder = mkdtempSync(join(tmpdir(), 'sagedb-held-'));
    const held: SageDB<{ text?: string }>[] = [];
    const rows = data(5000);
    const texts = Array.from({ length: 5000 }, (_, i) => ({ text: `word ${i} of many ${i % 100} ${i % 7}` }));
    const settings = { dimension: DIMENSION, threads: 1 }; // no teams of OpenMP, which stay with libuv's threads
    let last = Promise.resolve<unknown>(undefined);
    const use = async (round: number) => {
      const path = join(folder, `${round}`);
      const owner = await SageDB.open<{ text?: string }>({ ...settings, path, textFields: ['text'] });
      await owner.addBatch(rows, texts);
      const shared = SageDB.attach<{ text?: string }>(owner.handle);
      await shared.add(query);
      const answers = [shared.flush(), shared.buildIndex(), owner.snapshot(join(folder, `${round}-copy`))].map(code);
      await shared.close();
      answers.push(code(owner.optimize()), code(owner.flush()));
      await owner.close();
      const reader = await SageDB.open<{ text?: string }>({ path, threads: 1, readOnly: true });
      const stop = new AbortController();
      answers.push(code(reader.search({ text: 'word', signal: stop.signal })));
      stop.abort();
      const follower = SageDB.attach<{ text?: string }>(reader.handle);
      answers.push(code(follower.search({ text: 'many', signal: stop.signal })), code(follower.refresh()));
      await follower.close();
      await reader.close();
      const unused = await SageDB.open<{ text?: string }>(settings);
      await unused.close();
      held.push(owner, shared, reader, follower, unused);
      last = Promise.all(answers);
      await last;
    };
    await use(0); // libuv's threads stay
    const before = threads();
    for (let round = 1; round <= 6; round++) await use(round);
    // A thread that has been joined shows for a moment.
    for (let i = 0; i < 100 && threads() > before; i++) await wait(20);
    const left = threads() - before;
    rmSync(folder, { recursive: true });
    return { held: held.length, left, answers: await last };
  },

  /** What calls say that need a thread, when there is none to be had and when there are again. */
  async noThreads() {
    const db = await open();
    const limit = await ThreadLimit.start();
    if (!(await limit?.forbid())) return 'no limit';
    const outcome = (call: Promise<unknown>) =>
      call.then(
        () => 'ok',
        (error) => `${error.code}: ${error.message}`,
      );
    const outcomes = () => Promise.all([open(), db.add(query), db.flush(), db.buildIndex()].map(outcome));
    const without = await outcomes();
    await limit?.allow();
    const again = await outcomes();
    limit?.end();
    return { without, again };
  },

  /** Work that is worth a team of threads, when there is no thread to be had: OpenMP would end the process. */
  async teamsWithoutThreads() {
    const settings = { dimension: DIMENSION, metric: 'l2', threads: 4, rebuildThreshold: 1e6 } as const;
    const [searched, written] = [await SageDB.open(settings), await SageDB.open(settings)];
    await searched.addBatch(data(5000));
    await written.add(query); // has its thread for writes, which has led no team yet
    await Promise.all(Array.from({ length: 16 }, () => stat('.'))); // libuv's threads
    const limit = await ThreadLimit.start();
    if (!(await limit?.forbid())) return 'no limit';
    const search = () => searched.batchSearch(data(300, 3), { k: 5, exact: true });
    const without = await search();
    await written.addBatch(data(5000, 5));
    await limit?.allow();
    const again = await search();
    limit?.end();
    return { same: JSON.stringify(without) === JSON.stringify(again), size: written.size };
  },

  /** close() of databases without a write yet, when there is no thread to be had. */
  async closeWithoutThreads() {
    await (await open()).close();
    const limit = await ThreadLimit.start();
    const folder = mkdtempSync(join(tmpdir(), 'sagedb-close-'));
    const path = join(folder, 'db');
    await (await SageDB.open({ path, dimension: DIMENSION })).close();
    const owner = await SageDB.open({ path });
    const shared = SageDB.attach(owner.handle);
    const reader = await SageDB.open({ path, readOnly: true });
    const others = await Promise.all(Array.from({ length: 20 }, () => open()));
    if (!(await limit?.forbid())) return 'no limit';
    const without = [await code(open()), await code(shared.add(query)), await code(owner.flush())];
    const closed = await Promise.all([shared, reader, owner, ...others].map((db) => code(db.close())));
    const refused = await code(owner.add(query));
    await limit?.allow();
    const again = await SageDB.open({ path });
    closed.push(await code(owner.close()), await code(again.add(query)), await code(again.close()));
    limit?.end();
    rmSync(folder, { recursive: true });
    return { without, refused, closed: [...new Set(closed)] };
  },

  /** Threads that end while their databases close. */
  async closingTerminated() {
    for (let round = 0; round < 8; round++) {
      const workers = Array.from({ length: 2 }, () => spawn('closing'));
      await Promise.all(workers.map(message));
      await wait(round * 3);
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
    return 'alive';
  },

  async externalMemory() {
    const external = () => native().reportedMemory() / 2 ** 20;
    const rows = data(100_000); // 12.2 MiB
    const before = external();
    const db = await open(1e6);
    await db.addBatch(rows);
    const filled = external() - before;
    await db.close();
    gc();
    return { filled, closed: external() - before };
  },

  async idleInMain() {
    return idleAfterBatch();
  },

  async idleInWorker() {
    return message(spawn('idleAfterBatch'));
  },
};

if (isMainThread) {
  const name = process.argv[2] as string;
  const result = await (scenarios[name] as () => Promise<unknown>)();
  if (result !== undefined) console.log(JSON.stringify(result));
} else {
  const { role, handle } = workerData as { role: string; handle: string };
  await (roles[role] as (handle: string) => Promise<void>)(handle);
}
