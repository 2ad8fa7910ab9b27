import { fromNative, type SageDBError } from './errors.js';
import { type LaneUser, readLane } from './lanes.js';
import { type NativeDatabase, type NativeItems, native } from './native.js';
import { itemsOf } from './results.js';
import { atEndOfTurn, TimeSlice } from './turn.js';
import type { Id } from './types.js';

export type AnyItem = { id: Id; metadata: object; vector?: Float32Array };

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
  readonly #dimension: number;
  #waiting: Waiting[] = [];
  #scheduled = false;
  readonly #open = new Set<Promise<unknown>>();

  constructor(database: NativeDatabase, dimension: number) {
    this.#database = database;
    this.#dimension = dimension;
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

  find(filter: string | undefined, limit: number, offset: number, includeVector: boolean): Promise<AnyItem[]> {
    const read = async () => {
      const [, items, pieces] = await this.#alone<[Uint8Array, NativeItems, number]>((done) => {
        this.#database.find(filter, limit, offset, includeVector, (error, found, list, count) =>
          done(error, [found, list, count]),
        );
      });
      return this.#take(items, pieces, includeVector);
    };
    return this.#track(read());
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
    try {
      return await new Promise<T>((resolve, reject) => {
        start((error, value) => (error ? reject(error) : resolve(value)));
      });
    } catch (error) {
      throw fromNative(error as Error);
    } finally {
      readLane.leave();
    }
  }

  async #take(items: NativeItems, pieces: number, includeVector: boolean): Promise<AnyItem[]> {
    const all: AnyItem[] = [];
    const slice = new TimeSlice();
    for (let i = 0; i < pieces; i++) {
      for (const item of itemsOf(native().takeItems(items, i), this.#dimension, includeVector)) all.push(item);
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
    this.#run(first.kind, batch)
      .catch((error: Error) => {
        for (const entry of batch) entry.reject(fromNative(error));
      })
      .finally(() => readLane.leave());
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
