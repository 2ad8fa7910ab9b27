import { type Failure, PipelineError } from './pipeline-error.js';

/** How often and when a failed item is tried again. */
export interface RetryPolicy {
  /** Calls in all, the first included. */
  attempts: number;
  /** Wait before the second call, in milliseconds. Default 0. */
  delayMs?: number;
  /** The wait grows by this factor with every further call. Default 2. */
  backoff?: number;
  /** Upper bound of the wait. Default 30,000. */
  maxDelayMs?: number;
  /** Which errors are worth another call. Default: all. */
  retryIf?: (error: unknown) => boolean;
}

/** Takes an item that failed for good. The pipeline goes on; it fails if the handler does. */
export type DeadLetterHandler<In> = (failure: Failure<In>) => void | Promise<void>;

/** Options of every stage. */
export interface StageOptions<In> {
  /** Shown in stats and failures. Default: the function's name. */
  name?: string;
  /** Items (or batches) that run at the same time. Default 1. */
  concurrency?: number;
  /** Results leave in the order of their items. Default true. */
  ordered?: boolean;
  /** A number is short for `{ attempts }`. Default: one attempt. */
  retry?: number | RetryPolicy;
  /** Where items go that failed for good. Default: the job's handler; without one the job fails. */
  deadLetter?: DeadLetterHandler<In>;
}

/** Options of a batch stage. */
export interface BatchOptions<In> extends StageOptions<In> {
  /** Items per batch. Default 100. */
  batchSize?: number;
  /** An incomplete batch leaves this long after its first item. Default: it waits until it is full or the source ends. */
  maxWaitMs?: number;
  /** A batch that failed for good is tried again item by item, so that one bad item fails alone. Default false. */
  isolate?: boolean;
}

/** Options with their defaults. */
export interface ResolvedOptions {
  name: string;
  concurrency: number;
  ordered: boolean;
  retry: Required<RetryPolicy>;
  deadLetter: DeadLetterHandler<never> | undefined;
}

export function resolveOptions<In>(options: StageOptions<In>, defaultName: string): ResolvedOptions {
  const name = options.name ?? defaultName;
  const concurrency = options.concurrency ?? 1;
  requireCount(`${name}: concurrency`, concurrency);
  return {
    name,
    concurrency,
    ordered: options.ordered ?? true,
    retry: resolveRetry(name, options.retry),
    deadLetter: options.deadLetter,
  };
}

function resolveRetry(name: string, retry: number | RetryPolicy | undefined): Required<RetryPolicy> {
  const given = typeof retry === 'object' ? retry : { attempts: retry ?? 1 };
  const policy = { delayMs: 0, backoff: 2, maxDelayMs: 30_000, retryIf: () => true, ...given };
  requireCount(`${name}: retry.attempts`, policy.attempts);
  for (const field of ['delayMs', 'backoff', 'maxDelayMs'] as const) {
    if (!(policy[field] >= 0))
      throw invalid(`${name}: retry.${field}: expected a number, 0 or more, got ${policy[field]}`);
  }
  return policy;
}

export function requireCount(field: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) throw invalid(`${field}: expected a positive integer, got ${value}`);
}

export function requireMilliseconds(field: string, value: number): void {
  if (!(value >= 0 && value < 2 ** 31)) throw invalid(`${field}: expected milliseconds, got ${value}`);
}

function invalid(message: string): PipelineError {
  return new PipelineError('INVALID_ARGUMENT', message);
}
