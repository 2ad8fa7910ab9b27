import { fromNative, type SageDBError } from './errors.js';
import type { FindSpec } from './find-options.js';
import { type LaneUser, readLane } from './lanes.js';
import { type NativeCursor, type NativeDatabase, type NativeItems, native } from './native.js';
import { selectPaths } from './paths.js';
import { type AnyVector, itemsOf } from './results.js';
import type { Layout } from './spaces.js';
import { atEndOfTurn, TimeSlice } from './turn.js';
import type { Id } from './types.js';

export type AnyItem = { id: Id; metadata: object; vector?: AnyVector };

type Kind = 'has' | 'get' | 'getWithVector';

interface Waiting {
  kind: Kind;
  ids: Id[];
  resolve: (values: (AnyItem | undefined)[] | boolean[]) => void;
  reject: (error: SageDBError) => void;
}

/** Look-ups by id and by filter. Look-ups by id made in one turn go to the engine together. */
export class Reads implements LaneUser {
  readonly #database: NativeDatabase;
  readonly #layout: Layout;
  #waiting: Waiting[] = [];
  #scheduled = false;
  readonly #open = new Set<Promise<unknown>>();

  constructor(database: NativeDatabase, layout: Layout) {
    this.#database = database;
    this.#layout = layout;
  }

  get(ids: Id[], includeVector: boolean): Promise<(AnyItem | undefined)[]> {
    return this.#track(this.#lookUp(includeVector ? 'getWithVector' : 'get', ids)) as Promise<(AnyItem | undefined)[]>;
  }

  has(ids: Id[]): Promise<boolean[]> {
    return this.#track(this.#lookUp('has', ids)) as Promise<boolean[]>;
  }

  count(filter: string | undefined): Promise<number> {
    return this.#track(this.#alone((resolve) => this.#database.count(filter, resolve)));
  }

  find(filter: string | undefined, spec: FindSpec): Promise<AnyItem[]> {
    const read = async () => {
      const [items, pieces] = await this.#alone<[NativeItems, number]>((done) => {
        const { limit, offset, order, descending, vector } = spec;
        this.#database.find(filter, limit, offset, order, descending, vector, (error, _found, list, count) =>
          done(error, [list, count]),
        );
      });
      return selected(await this.#take(items, pieces, spec.vector), spec);
    };
    return this.#track(read());
  }

  /** All items of one snapshot, page after page; `requireOpen` throws once the database is closed. */
  async *iterate(
    filter: string | undefined,
    spec: FindSpec & { page: number },
    requireOpen: () => void,
  ): AsyncGenerator<AnyItem, void, undefined> {
    const { limit, offset, order, descending, vector } = spec;
    requireOpen();
    const cursor = await this.#track(
      this.#alone<NativeCursor>((done) => {
        this.#database.openCursor(filter, limit, offset, order, descending, (error, _, opened) => done(error, opened));
      }),
    );
    const page = async () => {
      const [items, pieces] = await this.#alone<[NativeItems, number]>((done) => {
        this.#database.next(cursor, spec.page, vector, (error, _, list, count) => done(error, [list, count]));
      });
      return selected(await this.#take(items, pieces, vector), spec);
    };
    try {
      for (;;) {
        requireOpen();
        const items = await this.#track(page());
        yield* items;
        if (items.length < spec.page) return;
      }
    } finally {
      // Also when the caller breaks off. The snapshot holds memory and mapped files that newer ones have replaced.
      native().closeCursor(cursor);
    }
  }

  /** Resolves when every read made so far is settled. */
  async drained(): Promise<void> {
    await Promise.allSettled(this.#open);
  }

  #track<T>(read: Promise<T>): Promise<T> {
    this.#open.add(read);
    const forget = () => this.#open.delete(read);
    read.then(forget, forget);
    return read;
  }

  /** One read in the lane. */
  async #alone<T>(start: (done: (error: Error | null, value: T) => void) => void): Promise<T> {
    await readLane.acquire();
    const answered = readLane.stayAwake();
    try {
      return await new Promise<T>((resolve, reject) => {
        start((error, value) => (error ? reject(error) : resolve(value)));
      });
    } catch (error) {
      throw fromNative(error as Error);
    } finally {
      answered();
      readLane.leave();
    }
  }

  async #take(items: NativeItems, pieces: number, includeVector: boolean): Promise<AnyItem[]> {
    const all: AnyItem[] = [];
    const slice = new TimeSlice();
    for (let i = 0; i < pieces; i++) {
      for (const item of itemsOf(native().takeItems(items, i), this.#layout, includeVector)) all.push(item);
      if (slice.over && i + 1 < pieces) await slice.pause();
    }
    return all;
  }

  #lookUp(kind: Kind, ids: Id[]): Promise<(AnyItem | undefined)[] | boolean[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ kind, ids, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      atEndOfTurn(() => readLane.request(this));
    });
  }

  enter(): void {
    this.#scheduled = false;
    const first = this.#waiting[0] as Waiting;
    const batch = this.#waiting.filter((entry) => entry.kind === first.kind);
    this.#waiting = this.#waiting.filter((entry) => entry.kind !== first.kind);
    if (this.#waiting.length > 0) {
      this.#scheduled = true;
      readLane.request(this);
    }
    const answered = readLane.stayAwake();
    this.#run(first.kind, batch)
      .catch((error: Error) => {
        for (const entry of batch) entry.reject(fromNative(error));
      })
      .finally(() => {
        answered();
        readLane.leave();
      });
  }

  async #run(kind: Kind, batch: Waiting[]): Promise<void> {
    const ids = batch.length === 1 ? (batch[0] as Waiting).ids : batch.flatMap((entry) => entry.ids);
    let values: (AnyItem | undefined)[] | boolean[];
    if (kind === 'has') {
      const found = await new Promise<Uint8Array>((resolve, reject) => {
        this.#database.has(ids, (error, bytes) => (error ? reject(error) : resolve(bytes)));
      });
      values = Array.from(found, (byte) => byte === 1);
    } else {
      values = await this.#getAll(ids, kind === 'getWithVector');
    }
    let at = 0;
    for (const entry of batch) {
      entry.resolve(values.slice(at, at + entry.ids.length) as boolean[]);
      at += entry.ids.length;
    }
  }

  async #getAll(ids: Id[], includeVector: boolean): Promise<(AnyItem | undefined)[]> {
    const [found, items, pieces] = await new Promise<[Uint8Array, NativeItems, number]>((resolve, reject) => {
      this.#database.get(ids, includeVector, (error, ...answer) => (error ? reject(error) : resolve(answer)));
    });
    const present = await this.#take(items, pieces, includeVector);
    if (present.length === ids.length) return present;
    let next = 0;
    return Array.from(found, (byte) => (byte === 1 ? present[next++] : undefined));
  }
}

function selected(items: AnyItem[], spec: FindSpec): AnyItem[] {
  const { select } = spec;
  if (select !== undefined) for (const item of items) item.metadata = selectPaths(item.metadata, select);
  return items;
}
