import { extname } from 'node:path';
import { Worker, type WorkerOptions } from 'node:worker_threads';
import { abortedError, SageDBError } from '../errors.js';
import { type PoolReply, type PoolRequest, type PoolWorkerData, unpackError } from './pool-messages.js';

/** The part of Node's worker options that a pool leaves to its user. */
export type PoolWorkerOptions = Pick<WorkerOptions, 'execArgv' | 'env' | 'resourceLimits' | 'name'>;

type Unnumbered<T> = T extends { call: number } ? Omit<T, 'call'> : never;
/** A request before it has its number. */
export type PoolCall = Unnumbered<Exclude<PoolRequest, { kind: 'cancel' }>>;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** One worker thread and the calls that wait for it. A thread that died is replaced with the next call. */
export class PoolThread {
  readonly #data: PoolWorkerData;
  readonly #options: PoolWorkerOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastCall = 0;

  constructor(data: PoolWorkerData, options: PoolWorkerOptions) {
    this.#data = data;
    this.#options = options;
  }

  /** Calls that wait for this thread. */
  get load(): number {
    return this.#waiting.size;
  }

  call(request: PoolCall, signal: AbortSignal | undefined): Promise<unknown> {
    if (signal?.aborted === true) return Promise.reject(abortedError(signal));
    const worker = this.#start();
    const call = ++this.#lastCall;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        worker.postMessage({ kind: 'cancel', call } satisfies PoolRequest);
        reject(abortedError(signal as AbortSignal));
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T) => {
          signal?.removeEventListener('abort', onAbort);
          this.#forget(call);
          how(value);
        };
      this.#waiting.set(call, { resolve: settle(resolve), reject: settle(reject) });
      // A thread with nothing to do does not keep the process alive.
      worker.ref();
      try {
        worker.postMessage({ ...request, call } as PoolRequest);
      } catch (cause) {
        const message = `the input cannot be sent to a thread: ${(cause as Error).message}`;
        this.#waiting.get(call)?.reject(new SageDBError('INVALID_ARGUMENT', message, { cause }));
      }
    });
  }

  /** Lets the thread finish what it has, then ends it. */
  async stop(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.ref();
    worker.postMessage({ kind: 'stop' } satisfies PoolRequest);
    await ended;
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    // The same form as this file: .js or .cjs in the package, .ts in the sources.
    const program = new URL(`./pool-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(program, { ...this.#options, workerData: this.#data });
    this.#worker = worker;
    let reason: unknown;
    worker.on('message', (reply: PoolReply) => {
      const waiting = this.#waiting.get(reply.call);
      if ('error' in reply) waiting?.reject(unpackError(reply.error));
      else waiting?.resolve(reply.value);
    });
    worker.on('error', (error) => {
      reason = error;
    });
    worker.on('exit', (code) => {
      this.#worker = undefined;
      const message = `a thread of the pool ended with exit code ${code}`;
      const error = new SageDBError('UNAVAILABLE', message, reason === undefined ? undefined : { cause: reason });
      for (const { reject } of Array.from(this.#waiting.values())) reject(error);
    });
    worker.unref();
    return worker;
  }

  #forget(call: number): void {
    this.#waiting.delete(call);
    if (this.#waiting.size === 0) this.#worker?.unref();
  }
}
