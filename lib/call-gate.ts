import { closedError, fromNative } from './errors.js';
import { EngineWatch, type PublishEvent, type TracedOperation } from './observability/channels.js';
import type { Stats } from './types.js';

/** What every call of a database object passes: refused once it closes, seen by whoever listens, its errors of one class. */
export class CallGate {
  readonly #database: PublishEvent['database'];
  readonly #watch: EngineWatch;
  #closing: Promise<void> | undefined;

  constructor(database: PublishEvent['database'], stats: () => Stats) {
    this.#database = database;
    this.#watch = new EngineWatch(database, () => (this.#closing ? undefined : stats()));
  }

  /** Refuses calls from now on. Every call returns the promise of the first one's `work`. */
  close(work: () => Promise<void>): Promise<void> {
    this.#closing ??= work();
    return this.#closing;
  }

  /** Asked again after the caller's code may have run: a getter of its input may close the database. */
  requireOpen(): void {
    if (this.#closing) throw closedError();
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
