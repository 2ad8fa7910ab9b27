import { abortedError, fromNative } from './errors.js';
import { runLong } from './long-job.js';
import { type NativeDatabase, type NativeError, type NativeTask, native } from './native.js';
import { longOptions, readOptions } from './options.js';
import type { LongOptions } from './types.js';

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
    return this.#call((done) => this.#database.flush(done));
  }

  refresh(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#database.refresh((error, changed) => (error ? reject(fromNative(error)) : resolve(changed)));
    });
  }

  snapshot(dir: string): Promise<void> {
    return this.#call((done) => this.#database.snapshot(dir, done));
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
    return this.#call((done) => this.#database.close(done));
  }

  #call(start: (done: (error: NativeError | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      start((error) => (error ? reject(fromNative(error)) : resolve()));
    });
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
