import { setImmediate } from 'node:timers';

/**
 * Runs `work` when everything that is ready in this turn of the event loop has run: the code that runs now, and every promise
 * reaction that follows from it, however long the chain. So calls made in the same turn can be gathered.
 */
export function atEndOfTurn(work: () => void): void {
  // A tick queued from a microtask runs when no microtask is left; one queued from plain code would run before the first.
  queueMicrotask(() => process.nextTick(work));
}

/** Lets the event loop turn once. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Keeps the event loop turning, instead of falling asleep, while an answer is expected within microseconds: waking a sleeping processor
 * takes longer than such a search. Whatever else is ready runs as ever. Not where the only processor is needed for the work itself, and
 * not when answers take so long that waking up does not matter.
 */
export class Wakefulness {
  static readonly LONGEST_MILLISECONDS = 1;
  readonly #worthwhile: boolean;
  readonly #now: () => number;
  readonly #nextTurn: (run: () => void) => void;
  /** Time from question to answer, averaged over the last few. */
  #usual = 0;
  #asked = 0;
  #end = 0;
  #turning = false;

  constructor(processors: number, now = () => performance.now(), turn: (run: () => void) => void = setImmediate) {
    this.#worthwhile = processors > 1;
    this.#now = now;
    this.#nextTurn = turn;
  }

  /** A question was asked, and nothing else is under way. */
  begin(): void {
    this.#asked = this.#now();
    if (!this.#worthwhile || this.#usual > Wakefulness.LONGEST_MILLISECONDS) return;
    this.#end = this.#asked + Wakefulness.LONGEST_MILLISECONDS;
    if (this.#turning) return;
    this.#turning = true;
    this.#nextTurn(this.#turn);
  }

  /** It was answered. */
  end(): void {
    // One answer that was held up by something else says little about the next.
    const taken = Math.min(this.#now() - this.#asked, 2 * Wakefulness.LONGEST_MILLISECONDS);
    this.#usual += (taken - this.#usual) / 8;
    this.#end = 0;
  }

  readonly #turn = (): void => {
    this.#turning = this.#now() < this.#end;
    if (this.#turning) this.#nextTurn(this.#turn);
  };
}

/** Keeps long work on the JavaScript thread in slices, with turns of the event loop between them. */
export class TimeSlice {
  static readonly MILLISECONDS = 1;
  #end = performance.now() + TimeSlice.MILLISECONDS;

  get over(): boolean {
    return performance.now() >= this.#end;
  }

  async pause(): Promise<void> {
    await nextTurn();
    this.#end = performance.now() + TimeSlice.MILLISECONDS;
  }
}
