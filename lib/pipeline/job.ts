import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import { type Failure, PipelineError } from './pipeline-error.js';
import type { SourceStream } from './source-stream.js';
import { type DeadLetterHandler, requireCount, requireMilliseconds } from './stage-options.js';
import type { StageJob, StageStats } from './stage-runner.js';

/** How a job runs. */
export interface SubmitOptions {
  /** Shut the environment's services down when its last job has ended. Default false. */
  autostop?: boolean;
  /** Aborts the job: what is under way is reported as failed, and `done` rejects with `ABORTED`. */
  signal?: AbortSignal;
  /** Takes the failed items of stages that have no handler of their own. */
  deadLetter?: DeadLetterHandler<unknown>;
  /** Called every `progressIntervalMs` (default 1,000) and at the end. */
  onProgress?: (stats: JobStats) => void;
  progressIntervalMs?: number;
  /** Items that wait on each side of a stage at most. Default 64. */
  bufferSize?: number;
}

export interface StopOptions {
  /** Milliseconds after which the job is aborted if it has not drained. 0 aborts at once. Default: no limit. */
  timeout?: number;
  /** Milliseconds to wait for an item that a source is making. Default 1,000. */
  graceMs?: number;
}

/** Where a job stands, in items. When it has ended, every item that was read is accounted for by the stages. */
export interface JobStats {
  name: string;
  state: 'running' | 'stopping' | 'aborting' | 'done' | 'failed';
  read: number;
  sunk: number;
  failed: number;
  /** Items that the sources hold, where that is known. */
  total: number | undefined;
  elapsedMs: number;
  /** Items sunk per second since the start. */
  itemsPerSecond: number;
  stages: StageStats[];
}

/** A submitted job. */
export interface JobHandle {
  readonly name: string;
  /**
   * Resolves when every item is sunk, dropped or with a dead-letter handler. Rejects with a `PipelineError` when an item
   * failed and no handler took it: the job then stops reading, brings what it has read to its end, and lists the failures.
   */
  readonly done: Promise<JobStats>;
  readonly stats: JobStats;
  /** Stops reading, brings what was read to its end, and gives `done`. Nothing that was read is lost. */
  stop(options?: StopOptions): Promise<JobStats>;
}

/** @internal The state of a running job: what its streams report to and what stops them. */
export class Job implements StageJob, JobHandle {
  readonly name: string;
  readonly options: SubmitOptions;
  readonly done: Promise<JobStats>;
  readonly bufferSize: number;
  readonly #sources: SourceStream[] = [];
  readonly #stages: StageStats[] = [];
  readonly #failures: Failure[] = [];
  readonly #controller = new AbortController();
  readonly #abortListeners = new Set<() => void>();
  readonly #started = performance.now();
  #total: number | undefined = 0;
  #late = 0;
  #state: JobStats['state'] = 'running';
  #ended = 0;
  #error: PipelineError | undefined;

  /** `run` moves all items; it settles when every stream has ended. */
  constructor(name: string, options: SubmitOptions, run: (job: Job) => Promise<void>) {
    this.name = name;
    this.options = options;
    this.bufferSize = options.bufferSize ?? 64;
    requireCount('bufferSize', this.bufferSize);
    const interval = options.progressIntervalMs ?? 1000;
    requireCount('progressIntervalMs', interval);
    setMaxListeners(0, this.#controller.signal);
    const onSignal = () => this.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', onSignal, { once: true });
    const timer = options.onProgress && setInterval(() => this.#progress(), interval);
    if (options.signal?.aborted === true) onSignal();
    this.done = this.#run(run).finally(() => {
      clearInterval(timer);
      options.signal?.removeEventListener('abort', onSignal);
    });
  }

  get aborted(): boolean {
    return this.#controller.signal.aborted;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get stats(): JobStats {
    const read = this.#sources.reduce((sum, source) => sum + source.count, 0);
    const sum = (stages: StageStats[], field: 'out' | 'failed') =>
      stages.reduce((total, stage) => total + stage[field], 0);
    const sinks = this.#stages.filter((stage) => stage.kind === 'sink');
    const sunk = sum(sinks, 'out');
    const elapsedMs = (this.#ended || performance.now()) - this.#started;
    return {
      name: this.name,
      state: this.#state,
      read,
      sunk,
      failed: sum(this.#stages, 'failed') + this.#late,
      total: this.#total,
      elapsedMs,
      itemsPerSecond: elapsedMs > 0 ? (sunk * 1000) / elapsedMs : 0,
      stages: this.#stages.map((stage) => ({ ...stage })),
    };
  }

  stop(options: StopOptions = {}): Promise<JobStats> {
    const { timeout, graceMs = 1000 } = options;
    try {
      if (timeout !== undefined) requireMilliseconds('timeout', timeout);
      requireMilliseconds('graceMs', graceMs);
    } catch (error) {
      return Promise.reject(error);
    }
    if (timeout === 0) {
      this.abort(new PipelineError('ABORTED', 'stopped without draining'));
    } else if (timeout !== undefined) {
      const reason = new PipelineError('ABORTED', `not drained within ${timeout} ms`);
      const timer = setTimeout(() => this.abort(reason), timeout);
      const clear = () => clearTimeout(timer);
      this.done.then(clear, clear);
    }
    this.#stopReading(graceMs);
    return this.done;
  }

  abort(reason: unknown): void {
    if (this.aborted || this.#ended > 0) return;
    this.#state = 'aborting';
    this.#error ??= new PipelineError('ABORTED', `${this.name}: the job was aborted`, { cause: reason });
    this.#controller.abort(reason);
    for (const listener of this.#abortListeners) listener();
    this.#abortListeners.clear();
    this.#stopReading(0);
  }

  onAbort(listener: () => void): () => boolean {
    if (this.aborted) {
      listener();
      return () => false;
    }
    this.#abortListeners.add(listener);
    return () => this.#abortListeners.delete(listener);
  }

  async report(failure: Failure, handler: DeadLetterHandler<never> | undefined): Promise<void> {
    const deadLetter = (handler ?? this.options.deadLetter) as DeadLetterHandler<unknown> | undefined;
    try {
      if (deadLetter !== undefined) {
        await deadLetter(failure);
        return;
      }
      this.fail('STAGE_FAILED', `stage ${failure.stage} failed`, failure.error);
    } catch (error) {
      this.fail('DEAD_LETTER_FAILED', `the dead-letter handler of stage ${failure.stage} failed`, error);
    }
    this.#failures.push(failure);
  }

  /** An item that a source made after it was stopped. */
  reportLate(item: unknown): void {
    this.#late++;
    const error = new PipelineError('STOPPED', 'the item came after the pipeline had stopped');
    void this.report({ stage: 'source', item, error, attempts: 0 }, undefined);
  }

  /** Ends the job with an error, after what was read has come to its end. The first error counts. */
  fail(code: PipelineError['code'], message: string, cause: unknown): void {
    const detail = cause instanceof Error ? `: ${cause.message}` : '';
    this.#error ??= new PipelineError(code, `${this.name}: ${message}${detail}`, { cause });
    this.#stopReading(0);
  }

  addSource(source: SourceStream, total: number | undefined): void {
    this.#sources.push(source);
    this.#total = total === undefined || this.#total === undefined ? undefined : this.#total + total;
    if (this.#state !== 'running') void source.finish(0);
  }

  addStage(stats: StageStats): void {
    this.#stages.push(stats);
  }

  async #run(run: (job: Job) => Promise<void>): Promise<JobStats> {
    // The caller has its handle before anything happens.
    await null;
    try {
      await run(this);
    } catch (error) {
      this.fail('INVALID_PIPELINE', 'the pipeline broke', error);
    }
    this.#ended = performance.now();
    this.#state = this.#error === undefined ? 'done' : 'failed';
    this.#progress();
    if (this.#error === undefined) return this.stats;
    const { code, message, cause } = this.#error;
    throw new PipelineError(code, message, { cause, failures: this.#failures });
  }

  #stopReading(graceMs: number): void {
    if (this.#state === 'running') this.#state = 'stopping';
    for (const source of this.#sources) void source.finish(graceMs);
  }

  #progress(): void {
    try {
      this.options.onProgress?.(this.stats);
    } catch (error) {
      this.abort(error);
    }
  }
}
