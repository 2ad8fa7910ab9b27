/** Something that waits for a place in a lane and then runs. */
export interface LaneUser {
  /** Starts one piece of work, and calls `lane.leave()` when it is done. */
  enter(): void;
}

/**
 * Limits how many pieces of native work one environment has on the libuv pool. Four threads serve the whole process, file reads included:
 * a few large batches use the engine as well as many small ones and leave threads for others. Who waits is served in order of arrival.
 */
export class Lane {
  readonly width: number;
  #inside = 0;
  readonly #waiting: LaneUser[] = [];

  constructor(width: number) {
    this.width = width;
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

/** Coalesced searches. A second batch keeps the cores busy while the event loop delivers the first; a third gains nothing. */
export const searchLane = new Lane(2);
/** Batches, exact scans and huge lists: apart, so that they do not hold up cheap searches. */
export const bulkLane = new Lane(1);
/** get, has, count, find. */
export const readLane = new Lane(1);
