import { closedError, fromNative } from './errors.js';
import { EngineWatch, type PublishEvent, type TracedOperation } from './observability/channels.js';
import type { Stats } from './types.js';

/** What every call of a database object passes: refused once it closes, seen by whoever listens, its errors of one class. */
export class CallGate {
  readonly #database: PublishEvent['database'];
  readonly #watch: EngineWatch;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(database: PublishEvent['database'], stats: () => Stats) {
    this.#database = database;
    this.#watch = new EngineWatch(database, () => (this.#closed ? undefined : stats()));
  }

  /**
   * Refuses calls from now on. Every call returns the promise of the first one's `work`; when that failed before the `engine` was closing, the
   * next call starts anew.
   */
  close(work: () => Promise<void>, engine: { readonly closing: boolean }): Promise<void> {
    this.#closed = true;
    this.#closing ??= this.#finish(work, engine);
    return this.#closing;
  }

  async #finish(work: () => Promise<void>, engine: { readonly closing: boolean }): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!engine.closing) this.#closing = undefined;
      throw error;
    }
  }

  /** Asked again after the caller's code may have run: a getter of its input may close the database. */
  requireOpen(): void {
    if (this.#closed) throw closedError();
  }

  /** For methods that return a promise: what is thrown on the way becomes a rejection. */
  attempt<T>(work: () => Promise<T>, operation?: TracedOperation): Promise<T> {
    this.#watch.ensure();
    return operation?.observed ? operation.trace(this.#database, () => this.#tried(work)) : this.#tried(work);
  }

  /** For methods that return at once. */
  ask<T>(work: () => T): T {
    this.requireOpen();
    try {
      return work();
    } catch (error) {
      throw fromNative(error as Error);
    }
  }

  #tried<T>(work: () => Promise<T>): Promise<T> {
    try {
      this.requireOpen();
      return work();
    } catch (error) {
      return Promise.reject(fromNative(error as Error));
    }
  }
}
