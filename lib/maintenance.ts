import { abortedError, fromNative } from './errors.js';
import { runLong } from './long-job.js';
import { type NativeDatabase, type NativeError, type NativeTask, native } from './native.js';
import { longOptions, readOptions } from './options.js';
import type { LongOptions } from './types.js';

/** What a native call reports, or throws at once: it does so when another object has closed the database. */
function settled<T = void>(start: (done: (error: NativeError | null, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    try {
      start((error, result) => (error ? reject(fromNative(error)) : resolve(result as T)));
    } catch (error) {
      reject(fromNative(error as NativeError));
    }
  });
}

/** Work on a database as a whole: index builds, its files, its end. */
export class Maintenance {
  readonly #database: NativeDatabase;
  readonly #requireOpen: () => void;
  /** Running long jobs, to be cancelled by close(). */
  readonly #jobs = new Set<{ promise: Promise<unknown>; cancel: () => void }>();

  constructor(database: NativeDatabase, requireOpen: () => void) {
    this.#database = database;
    this.#requireOpen = requireOpen;
  }

  build(optimize: boolean, options: LongOptions | undefined): Promise<void> {
    return this.#long(options, (task, done) => this.#database.build(optimize, task, done));
  }

  flush(): Promise<void> {
    return settled((done) => this.#database.flush(done));
  }

  refresh(): Promise<boolean> {
    return settled((done) => this.#database.refresh(done));
  }

  snapshot(dir: string): Promise<void> {
    return settled((done) => this.#database.snapshot(dir, done));
  }

  verify(options: LongOptions | undefined): Promise<void> {
    return this.#long(options, (task, done) => this.#database.verify(task, done));
  }

  /** Aborts the long jobs; resolves when they have ended. */
  async stop(): Promise<void> {
    const jobs = [...this.#jobs];
    for (const job of jobs) job.cancel();
    await Promise.allSettled(jobs.map((job) => job.promise));
  }

  close(): Promise<void> {
    return settled((done) => this.#database.close(done));
  }

  /** A job that can be aborted and reports progress; close() cancels it. */
  async #long(
    options: LongOptions | undefined,
    start: (task: NativeTask, done: (error: NativeError | null) => void) => void,
  ): Promise<void> {
    const long = longOptions(readOptions<LongOptions>(options, 'options', ['signal', 'onProgress']), 'options');
    if (long.signal?.aborted) throw abortedError(long.signal);
    this.#requireOpen();
    const task = native().createTask();
    const promise = runLong(task, long, (done) => start(task, done));
    const job = { promise, cancel: () => native().cancelTask(task) };
    this.#jobs.add(job);
    try {
      await promise;
    } finally {
      this.#jobs.delete(job);
    }
  }
}
