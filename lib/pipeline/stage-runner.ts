import type { BoundFunction, FunctionContext } from './functions.js';
import { isPromiseLike } from './item.js';
import { type Failure, PipelineError } from './pipeline-error.js';
import type { ResolvedOptions } from './stage-options.js';

/** Says that nothing comes out of a stage for this item: it was filtered, sunk or reported as failed. */
export const NOTHING: unique symbol = Symbol('nothing');

/** Counters of one stage, in items. When a job has ended, `in` of a map or batch stage is `out` + `failed`. */
export interface StageStats {
  name: string;
  kind: StageKind;
  /** Items that arrived. */
  in: number;
  /** Items that left for the next stage; of a sink: items sunk. */
  out: number;
  /** Items that a filter did not keep. */
  dropped: number;
  failed: number;
  /** Calls after the first one of an item or batch. */
  retries: number;
  /** Items that the function has and that have no outcome yet. */
  inFlight: number;
}

export type StageKind = 'source' | 'map' | 'filter' | 'flatMap' | 'batch' | 'sink';

/** What a stage needs of the job that it runs in. */
export interface StageJob {
  readonly aborted: boolean;
  /** Calls `listener` on abort. The returned function takes it back and says whether it was still to come. */
  onAbort(listener: () => void): () => boolean;
  /** An item failed for good. Resolves when the dead-letter handler has it; never rejects. */
  report(failure: Failure, handler: ResolvedOptions['deadLetter']): Promise<void>;
}

/**
 * Calls one stage's function with one item: retries, abort, and the report of items that failed for good. A function that
 * gives a plain value costs no promise.
 */
export class StageRunner {
  readonly stats: StageStats;
  readonly options: ResolvedOptions;
  protected readonly job: StageJob;
  readonly #function: BoundFunction;
  readonly #context: FunctionContext<unknown>;

  constructor(
    kind: StageKind,
    options: ResolvedOptions,
    bound: BoundFunction,
    context: FunctionContext<unknown>,
    job: StageJob,
  ) {
    this.stats = { name: options.name, kind, in: 0, out: 0, dropped: 0, failed: 0, retries: 0, inFlight: 0 };
    this.options = options;
    this.job = job;
    this.#function = bound;
    this.#context = context;
  }

  get aborted(): boolean {
    return this.job.aborted;
  }

  /** Runs the function; gives what leaves the stage, or `NOTHING`, or a promise of it. Never throws or rejects. */
  run(item: unknown): unknown {
    const weight = this.weight(item);
    this.stats.in += weight;
    this.stats.inFlight += weight;
    return this.attempt(item, 1);
  }

  /** Reports items that failed for good. */
  async fail(item: unknown, error: unknown, attempts: number): Promise<typeof NOTHING> {
    await this.job.report({ stage: this.stats.name, item, error, attempts }, this.options.deadLetter);
    this.stats.failed++;
    return NOTHING;
  }

  /** Items that stand behind what one call of the function gets. */
  protected weight(_item: unknown): number {
    return 1;
  }

  /**
   * Turns what the function gave into what leaves the stage: an item, of a batch the items, of a flatMap the item and the
   * iterable that it became. What it throws counts as thrown by the function.
   */
  protected finish(item: unknown, result: unknown): unknown {
    switch (this.stats.kind) {
      case 'filter':
        if (result) return item;
        this.stats.dropped++;
        return NOTHING;
      case 'sink':
        this.stats.out++;
        return NOTHING;
      case 'flatMap':
        if (typeof (result as Iterable<unknown> | undefined)?.[Symbol.iterator] === 'function') return [item, result];
        throw new TypeError(`${this.stats.name}: expected an iterable, got ${typeof result}`);
      default:
        return result;
    }
  }

  /** The last attempt failed. */
  protected giveUp(item: unknown, error: unknown, attempts: number): Promise<unknown> {
    this.stats.inFlight--;
    return this.fail(item, error, attempts);
  }

  protected attempt(item: unknown, attempt: number): unknown {
    if (this.job.aborted) return this.giveUp(item, abortError(), attempt - 1);
    let result: unknown;
    try {
      result = this.#function.call(item, this.#context);
    } catch (error) {
      return this.#failed(item, error, attempt);
    }
    if (!isPromiseLike(result)) return this.#finished(item, result, attempt);
    return this.#await(item, result, attempt);
  }

  #finished(item: unknown, result: unknown, attempt: number): unknown {
    try {
      const output = this.finish(item, result);
      this.stats.inFlight -= this.weight(item);
      return output;
    } catch (error) {
      return this.#failed(item, error, attempt);
    }
  }

  /** Waits for the function, or for an abort: then the item is reported although its call may still end well. */
  #await(item: unknown, pending: PromiseLike<unknown>, attempt: number): Promise<unknown> {
    return new Promise((resolve) => {
      const forget = this.job.onAbort(() => resolve(this.giveUp(item, abortError(), attempt)));
      pending.then(
        (result) => {
          if (forget()) resolve(this.#finished(item, result, attempt));
        },
        (error: unknown) => {
          if (forget()) resolve(this.#failed(item, error, attempt));
        },
      );
    });
  }

  async #failed(item: unknown, error: unknown, attempt: number): Promise<unknown> {
    const { attempts, delayMs, backoff, maxDelayMs, retryIf } = this.options.retry;
    try {
      if (attempt >= attempts || this.job.aborted || !retryIf(error)) return this.giveUp(item, error, attempt);
    } catch (thrown) {
      return this.giveUp(item, thrown, attempt);
    }
    this.stats.retries++;
    await this.#sleep(Math.min(maxDelayMs, delayMs * backoff ** (attempt - 1)));
    return this.attempt(item, attempt + 1);
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        forget();
        resolve();
      }, milliseconds);
      const forget = this.job.onAbort(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** Runs a function over whole batches: one result per item, and every item of a failed batch is reported by itself. */
export class BatchRunner extends StageRunner {
  /** Set: a failed batch is tried again item by item. */
  isolate = false;

  protected override weight(batch: unknown): number {
    return (batch as unknown[]).length;
  }

  protected override finish(batch: unknown, result: unknown): unknown {
    const { length } = batch as unknown[];
    if (Array.isArray(result) && result.length === length) return result;
    const got = Array.isArray(result) ? `${result.length} results` : typeof result;
    throw new PipelineError(
      'BATCH_LENGTH',
      `${this.stats.name}: expected ${length} results for ${length} items, got ${got}`,
    );
  }

  protected override async giveUp(batch: unknown, error: unknown, attempts: number): Promise<unknown> {
    const items = batch as unknown[];
    if (this.isolate && items.length > 1 && !this.job.aborted) {
      const results: unknown[] = [];
      for (const item of items) {
        const result = await this.attempt([item], 1);
        if (result !== NOTHING) results.push(...(result as unknown[]));
      }
      return results;
    }
    this.stats.inFlight -= items.length;
    for (const item of items) await this.fail(item, error, attempts);
    return NOTHING;
  }
}

export function abortError(): PipelineError {
  return new PipelineError('ABORTED', 'the pipeline was aborted before the item was done');
}
