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
