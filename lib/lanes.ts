import { Wakefulness } from './wakefulness.js';

/** Something that waits for a place in a lane and then runs. */
export interface LaneUser {
  /** Starts one piece of work, and calls `lane.leave()` when it is done. */
  enter(): void;
}

/**
 * Limits how many pieces of native work of one kind an environment has under way. Four threads of the libuv pool serve the whole process,
 * file reads included. Who waits is served in order of arrival.
 */
export class Lane {
  readonly width: number;
  readonly #short: boolean;
  #wakefulness: Wakefulness | undefined;
  #inside = 0;
  readonly #waiting: LaneUser[] = [];

  /** `short`: pieces are done within microseconds, so that the event loop may stay awake for one. */
  constructor(width: number, short = false) {
    this.width = width;
    this.#short = short;
  }

  /** For a piece that has just entered: the event loop stays awake if it is alone. Call what is returned when the piece is done. */
  stayAwake(): () => void {
    if (!this.#short || this.#inside > 1) return () => {};
    this.#wakefulness ??= new Wakefulness();
    const wakefulness = this.#wakefulness;
    wakefulness.begin();
    return () => wakefulness.end();
  }

  request(user: LaneUser): void {
    if (this.#inside < this.width) {
      this.#inside++;
      user.enter();
    } else {
      this.#waiting.push(user);
    }
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#inside--;
    else next.enter();
  }

  /** The same as a promise. */
  async acquire(): Promise<void> {
    await new Promise<void>((resolve) => this.request({ enter: resolve }));
  }
}

/**
 * Batches of coalesced searches in the addon's queue. Two run at a time there, and two wait, so that the engine goes on without a word from
 * the event loop.
 */
export const searchLane = new Lane(4, true);
/** Batches, exact scans and huge lists: apart, so that they do not hold up cheap searches. One runs at a time, one waits. */
export const bulkLane = new Lane(2);
/** get, has, count, find: one runs at a time. */
export const readLane = new Lane(1, true);
