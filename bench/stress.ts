// npm run stress -- --minutes 60 [--seed 1] [--callers 32] [--ids 20000] [--dimension 64]
//
// All operations at once against a model, checked all the time:
//  - read-your-writes: what was acknowledged is found by get and by searching for it;
//  - a removed item is never returned by a search that began after the acknowledgement;
//  - vector and metadata of a hit belong to the same write, and versions never go back;
//  - recall against exact search stays up while the index grows, is compacted and rebuilt.
// Every caller owns its ids, so it knows what must be there; searches see everybody's. Ends with 1 on the first violation and prints the seed.
import { parseArgs } from 'node:util';
import { SageDB } from '../lib/index.js';
import { memory } from './peers/memory.js';
import { megabytes, short } from './report/table.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    callers: { type: 'string', default: '32' },
    ids: { type: 'string', default: '20000' },
    dimension: { type: 'string', default: '64' },
  },
});
const MINUTES = Number(values.minutes);
const CALLERS = Number(values.callers);
const IDS = Number(values.ids);
const DIMENSION = Number(values.dimension);
const SEED = Number(values.seed);
const RECALL_FLOOR = 0.9;

type Meta = { version: number; owner: number; check: number };
/** What the model knows of one id. Versions rise with every write; `dead` is the clock at the acknowledged removal. */
type Entry = {
  version: number;
  live: boolean;
  vector: Float32Array;
  acknowledged: number;
  issued: number;
  dead: number;
};

const model = new Map<number, Entry>();
const counts: Record<string, number> = {};
const recalls: number[] = [];
let clock = 0;
let stopping = false;

class Violation extends Error {}

function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const centres = (() => {
  const next = random(SEED ^ 0x5a6edb);
  return Array.from({ length: 50 }, () => Float32Array.from({ length: DIMENSION }, () => next() * 2 - 1));
})();

function newVector(next: () => number): Float32Array {
  const centre = centres[Math.floor(next() * centres.length)] as Float32Array;
  return centre.map((v) => v + (next() - 0.5));
}

/** Ties metadata to a vector: its first component in units that float32 keeps exactly. */
function checkOf(vector: Float32Array): number {
  return vector[0] as number;
}

function fail(message: string): never {
  throw new Violation(message);
}

function entryOf(id: number): Entry {
  const entry = model.get(id);
  if (!entry) return fail(`a search returned id ${id}, which was never written`);
  return entry;
}

class Caller {
  readonly #db: SageDB<Meta>;
  readonly #number: number;
  readonly #next: () => number;

  constructor(db: SageDB<Meta>, number: number) {
    this.#db = db;
    this.#number = number;
    this.#next = random(SEED * 1000 + number);
  }

  async run(): Promise<void> {
    const operations: [number, string, () => Promise<void>][] = [
      [25, 'upsert', () => this.#upsert()],
      [6, 'addBatch', () => this.#batch()],
      [8, 'remove', () => this.#remove()],
      [8, 'update', () => this.#updateMetadata()],
      [38, 'search', () => this.#search()],
      [8, 'filtered', () => this.#filtered()],
      [6, 'get', () => this.#get()],
      [0.02, 'optimize', () => this.#db.optimize()],
    ];
    const total = operations.reduce((sum, [weight]) => sum + weight, 0);
    while (!stopping) {
      const draw = this.#next() * total;
      let sum = 0;
      const chosen = operations.findIndex(([weight]) => {
        sum += weight;
        return draw < sum;
      });
      const [, name, operation] = operations[Math.max(0, chosen)]!;
      await operation();
      counts[name] = (counts[name] ?? 0) + 1;
    }
  }

  /** One of this caller's ids. */
  #id(): number {
    return this.#number + CALLERS * Math.floor(this.#next() * (IDS / CALLERS));
  }

  /** Marks a write as issued; the returned function books its acknowledgement. */
  #issue(id: number, vector: Float32Array): { metadata: Meta; acknowledge: () => void } {
    const known = model.get(id);
    const version = (known?.issued ?? 0) + 1;
    const entry = known ?? { version, live: false, vector, acknowledged: 0, issued: version, dead: -1 };
    entry.issued = version;
    model.set(id, entry);
    return {
      metadata: { version, owner: this.#number, check: checkOf(vector) },
      acknowledge: () => Object.assign(entry, { version, vector, live: true, acknowledged: version, dead: -1 }),
    };
  }

  async #upsert(): Promise<void> {
    const id = this.#id();
    const vector = newVector(this.#next);
    const { metadata, acknowledge } = this.#issue(id, vector);
    await this.#db.upsert(vector, metadata, { id });
    acknowledge();
    await this.#mustFind(id);
  }

  async #batch(): Promise<void> {
    const ids = [...new Set(Array.from({ length: 20 }, () => this.#id()))];
    const vectors = ids.map(() => newVector(this.#next));
    const writes = ids.map((id, i) => this.#issue(id, vectors[i] as Float32Array));
    await this.#db.upsertBatch(
      vectors,
      writes.map((w) => w.metadata),
      { ids },
    );
    for (const write of writes) write.acknowledge();
    await this.#mustFind(ids[Math.floor(this.#next() * ids.length)] as number);
  }

  async #updateMetadata(): Promise<void> {
    const id = this.#id();
    const entry = model.get(id);
    if (!entry?.live) return;
    const { metadata, acknowledge } = this.#issue(id, entry.vector);
    if (!(await this.#db.update(id, { metadata }))) fail(`update of the live id ${id} found nothing`);
    acknowledge();
    await this.#mustFind(id);
  }

  async #remove(): Promise<void> {
    const id = this.#id();
    const entry = model.get(id);
    const existed = entry?.live === true;
    if (entry) entry.live = false;
    if ((await this.#db.remove(id)) !== existed) fail(`remove(${id}) should have returned ${existed}`);
    if (!entry || !existed) return;
    entry.dead = clock++;
    if (await this.#db.has(id)) fail(`id ${id} is there after its removal`);
    const hits = await this.#db.search(entry.vector, { k: 5, includeMetadata: false });
    if (hits.some((hit) => hit.id === id)) fail(`the removed id ${id} was returned`);
  }

  async #mustFind(id: number): Promise<void> {
    const entry = entryOf(id);
    const item = await this.#db.get(id);
    if (item?.metadata.version !== entry.acknowledged) {
      fail(`get(${id}) has version ${item?.metadata.version}, acknowledged was ${entry.acknowledged}`);
    }
    const [hit] = await this.#db.search(entry.vector, { k: 1 });
    if (hit?.id !== id) fail(`id ${id} is not found by its own vector: ${await this.#whoIsFound(entry.vector)}`);
  }

  /** What searches of growing depth answer: tells a row that is hard to reach from one that is not there. */
  async #whoIsFound(vector: Float32Array): Promise<string> {
    const at = async (options: { ef?: number; exact?: true }) => {
      const [hit] = await this.#db.search(vector, { k: 1, ...options });
      return `${JSON.stringify(options)} ${hit?.id} at ${hit?.score}`;
    };
    const answers = [await at({})];
    for (const ef of [10, 20, 40, 80, 160, 640]) answers.push(await at({ ef }));
    answers.push(await at({ exact: true }));
    return `${answers.join(', ')}; ${JSON.stringify(this.#db.stats())}`;
  }

  async #get(): Promise<void> {
    const id = this.#id();
    const entry = model.get(id);
    const item = await this.#db.get(id);
    if ((item !== undefined) !== (entry?.live === true))
      fail(`get(${id}): expected live ${entry?.live}, got ${item !== undefined}`);
  }

  async #search(): Promise<void> {
    const query = newVector(this.#next);
    const before = clock++;
    const floor = new Map<number, number>();
    const hits = await this.#db.search(query, { k: 10, includeVector: true });
    if (hits.length !== Math.min(10, this.#db.size) && this.#db.size > 1000) fail(`${hits.length} hits for k = 10`);
    for (const hit of hits) {
      const id = hit.id as number;
      const entry = entryOf(id);
      // A later write of the id may be there before it is acknowledged.
      const removed = entry.dead >= 0 && entry.dead < before && hit.metadata.version <= entry.acknowledged;
      if (removed) fail(`id ${id} was removed before the search that returned it`);
      if (hit.metadata.version > entry.issued) fail(`id ${id} has version ${hit.metadata.version} of ${entry.issued}`);
      if (hit.metadata.check !== hit.vector[0]) fail(`id ${id}: vector and metadata are of different writes`);
      if (floor.has(id)) fail(`id ${id} came twice`);
      floor.set(id, hit.metadata.version);
    }
  }

  async #filtered(): Promise<void> {
    const owner = Math.floor(this.#next() * CALLERS);
    const hits = await this.#db.search(newVector(this.#next), { k: 10, filter: { owner } });
    for (const hit of hits)
      if (hit.metadata.owner !== owner) fail(`filter owner = ${owner} returned ${hit.metadata.owner}`);
  }
}

async function recallProbe(db: SageDB<Meta>, next: () => number): Promise<void> {
  if (db.size < 2000) return;
  let hits = 0;
  for (let i = 0; i < 20; i++) {
    const query = newVector(next);
    // Both searches are in one batch of calls, but other writes may come between: a small loss is not the index's.
    const [exact, found] = await Promise.all([
      db.search(query, { k: 10, exact: true, includeMetadata: false }),
      db.search(query, { k: 10, includeMetadata: false }),
    ]);
    const ids = new Set(found.map((hit) => hit.id));
    hits += exact.filter((hit) => ids.has(hit.id)).length;
  }
  recalls.push(hits / 200);
}

async function finalCheck(db: SageDB<Meta>): Promise<void> {
  const live = [...model].filter(([, entry]) => entry.live);
  if (db.size !== live.length || (await db.count()) !== live.length)
    fail(`size ${db.size}, the model has ${live.length}`);
  const lost: number[] = [];
  for (const [id, entry] of live) {
    const [item, [hit]] = await Promise.all([db.get(id), db.search(entry.vector, { k: 1, includeMetadata: false })]);
    if (item?.metadata.version !== entry.acknowledged)
      fail(`at the end id ${id} has version ${item?.metadata.version}`);
    if (hit?.id !== id) lost.push(id);
  }
  if (lost.length > 0)
    fail(`at the end ${lost.length} of ${live.length} ids are not found by their own vectors: ${lost.slice(0, 5)}`);
}

function report(db: SageDB<Meta>, seconds: number): void {
  const done = Object.values(counts).reduce((a, b) => a + b, 0);
  const stats = db.stats();
  const recall = recalls.length === 0 ? '–' : (recalls.reduce((a, b) => a + b, 0) / recalls.length).toFixed(4);
  process.stdout.write(
    `${seconds.toFixed(0)} s: ${short(done)} operations (${short(done / seconds)}/s), ${db.size} items, ${stats.freshRows} fresh, ` +
      `${stats.indexRebuilds} builds, ${stats.compactions} compactions, recall ${recall}, ${megabytes(memory().resident)}\n`,
  );
}

process.stdout.write(`seed ${SEED}, ${MINUTES} minutes, ${CALLERS} callers\n`);
const db = await SageDB.open<Meta>({
  dimension: DIMENSION,
  metric: 'l2',
  index: { type: 'hnsw' },
  rebuildThreshold: 500,
});
const start = performance.now();
const elapsed = () => (performance.now() - start) / 1000;
const every = Math.min(30, Math.max(2, (MINUTES * 60) / 10));
try {
  const probe = random(SEED + 7);
  const watch = (async () => {
    for (let next = every; !stopping; ) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      if (elapsed() >= MINUTES * 60) stopping = true;
      if (elapsed() < next) continue;
      next += every;
      await recallProbe(db, probe);
      report(db, elapsed());
    }
  })();
  const callers = Array.from({ length: CALLERS }, (_, number) => new Caller(db, number).run());
  await Promise.all([watch, ...callers]);
  await recallProbe(db, probe);
  const mean = recalls.reduce((a, b) => a + b, 0) / recalls.length;
  if (recalls.length > 0 && mean < RECALL_FLOOR) fail(`mean recall ${mean.toFixed(4)} is below ${RECALL_FLOOR}`);
  await finalCheck(db);
  report(db, elapsed());
  process.stdout.write(`ok: ${JSON.stringify(counts)}\n`);
} catch (error) {
  stopping = true;
  process.stderr.write(
    `seed ${SEED}: ${error instanceof Violation ? `VIOLATION: ${error.message}` : (error as Error).stack}\n`,
  );
  process.exitCode = 1;
} finally {
  await db.close();
}
