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

interface Job {
  promise: Promise<unknown>;
  cancel?: () => void;
}

/** Work on a database as a whole: index builds, its files, its end. */
export class Maintenance {
  readonly #database: NativeDatabase;
  readonly #requireOpen: () => void;
  /** What is under way: close() waits for all of it, because the threads that answer end with the database, and cancels long jobs. */
  readonly #jobs = new Set<Job>();
  #closing = false;

  constructor(database: NativeDatabase, requireOpen: () => void) {
    this.#database = database;
    this.#requireOpen = requireOpen;
  }

  build(optimize: boolean, options: LongOptions | undefined): Promise<void> {
    return this.#long(options, (task, done) => this.#database.build(optimize, task, done));
  }

  flush(): Promise<void> {
    return this.#track({ promise: settled((done) => this.#database.flush(done)) });
  }

  refresh(): Promise<boolean> {
    return this.#track({ promise: settled<boolean>((done) => this.#database.refresh(done)) });
  }

  snapshot(dir: string): Promise<void> {
    return this.#track({ promise: settled((done) => this.#database.snapshot(dir, done)) });
  }

  verify(options: LongOptions | undefined): Promise<void> {
    return this.#long(options, (task, done) => this.#database.verify(task, done));
  }

  /** Aborts the long jobs; resolves when everything under way has ended. */
  async stop(): Promise<void> {
    const jobs = [...this.#jobs];
    for (const job of jobs) job.cancel?.();
    await Promise.allSettled(jobs.map((job) => job.promise));
  }

  async close(): Promise<void> {
    await this.stop(); // a flush may have waited for writes until now
    await settled((done) => {
      this.#database.close(done);
      this.#closing = true;
    });
  }

  /** The engine is closing, or has closed: a close that failed before can be called again. */
  get closing(): boolean {
    return this.#closing;
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
    await this.#track({ promise, cancel: () => native().cancelTask(task) });
  }

  async #track<T>(job: Job & { promise: Promise<T> }): Promise<T> {
    this.#jobs.add(job);
    try {
      return await job.promise;
    } finally {
      this.#jobs.delete(job);
    }
  }
}
