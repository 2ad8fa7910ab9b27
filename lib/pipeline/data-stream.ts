import type { StageFunction } from './functions.js';
import { PipelineError } from './pipeline-error.js';
import type { PipelineSpec, StageSpec } from './pipeline-run.js';
import {
  type BatchOptions,
  requireCount,
  requireMilliseconds,
  resolveOptions,
  type StageOptions,
} from './stage-options.js';
import type { StageKind } from './stage-runner.js';

/**
 * A pipeline under construction: items of type `T`, functions that may call `Services`. Every method gives the next step; a
 * step has one successor, because its items go one way.
 */
export class DataStream<T, Services> {
  readonly #spec: PipelineSpec;
  readonly #complete: (spec: PipelineSpec) => void;
  #continued = false;

  /** @internal Made by `LocalEnvironment.fromBatch`. */
  constructor(spec: PipelineSpec, complete: (spec: PipelineSpec) => void) {
    this.#spec = spec;
    this.#complete = complete;
  }

  /** One item in, one item out. */
  map<U>(fn: StageFunction<T, U | Promise<U>, Services>, options: StageOptions<T> = {}): DataStream<U, Services> {
    return this.#then('map', fn, options);
  }

  /** Keeps the items for which the function gives true. */
  filter<U extends T>(fn: (data: T) => data is U, options?: StageOptions<T>): DataStream<U, Services>;
  filter(
    fn: StageFunction<T, boolean | Promise<boolean>, Services>,
    options?: StageOptions<T>,
  ): DataStream<T, Services>;
  filter(fn: unknown, options: StageOptions<T> = {}): DataStream<never, Services> {
    return this.#then('filter', fn, options);
  }

  /** One item in, any number out. The iterable is read only as fast as the next stage takes its elements. */
  flatMap<U>(
    fn: StageFunction<T, Iterable<U> | Promise<Iterable<U>>, Services>,
    options: StageOptions<T> = {},
  ): DataStream<U, Services> {
    return this.#then('flatMap', fn, options);
  }

  /** Gathers items into arrays. */
  batch(options?: Pick<BatchOptions<T>, 'batchSize' | 'maxWaitMs'>): DataStream<T[], Services>;
  /** Gathers items and gives them to the function together: one result per item, in the same order. */
  batch<U>(
    fn: StageFunction<T[], readonly U[] | Promise<readonly U[]>, Services>,
    options?: BatchOptions<T>,
  ): DataStream<U, Services>;
  batch(first?: unknown, second?: BatchOptions<T>): DataStream<never, Services> {
    const gathers =
      first === undefined || (typeof first === 'object' && Object.getPrototypeOf(first) === Object.prototype);
    const options = (gathers ? first : second) as BatchOptions<T> | undefined;
    if (options?.batchSize !== undefined) requireCount('batchSize', options.batchSize);
    if (options?.maxWaitMs !== undefined) requireMilliseconds('maxWaitMs', options.maxWaitMs);
    return this.#then('batch', gathers ? undefined : first, options ?? {});
  }

  /** Ends the pipeline; it runs with the next `submit`. */
  sink(fn: StageFunction<T, unknown, Services>, options: StageOptions<T> = {}): void {
    this.#complete(this.#extended('sink', fn, options));
  }

  #then<U>(kind: StageKind, fn: unknown, options: StageOptions<T>): DataStream<U, Services> {
    return new DataStream<U, Services>(this.#extended(kind, fn, options), this.#complete);
  }

  #extended(kind: StageKind, fn: unknown, options: StageOptions<T>): PipelineSpec {
    if (this.#continued) throw new PipelineError('INVALID_PIPELINE', `${kind}: this stream goes on elsewhere already`);
    if (kind !== 'batch' && typeof fn !== 'function' && typeof fn !== 'object') {
      throw new PipelineError('INVALID_ARGUMENT', `${kind}: expected a function, a function object or its class`);
    }
    resolveOptions(options, kind);
    this.#continued = true;
    const stage: StageSpec = { kind, function: fn, options: options as StageSpec['options'] };
    return { source: this.#spec.source, stages: [...this.#spec.stages, stage] };
  }
}
