/** Every way in which building or running a pipeline can fail. */
export type PipelineErrorCode =
  | 'INVALID_ARGUMENT'
  | 'INVALID_PIPELINE'
  | 'SOURCE_FAILED'
  | 'STAGE_FAILED'
  | 'DEAD_LETTER_FAILED'
  | 'BATCH_LENGTH'
  | 'ABORTED'
  | 'STOPPED';

/** An item that a pipeline read and did not sink. */
export interface Failure<T = unknown> {
  /** Name of the stage that had the item. */
  stage: string;
  item: T;
  /** What the function threw the last time, or a `PipelineError` when the item was not run to its end. */
  error: unknown;
  /** How often the function was called with it. */
  attempts: number;
}

/** An error of a pipeline. When a job ends with it, `failures` lists the items that no dead-letter handler took. */
export class PipelineError extends Error {
  readonly code: PipelineErrorCode;
  readonly failures: readonly Failure[];

  constructor(
    code: PipelineErrorCode,
    message: string,
    details: { cause?: unknown; failures?: readonly Failure[] } = {},
  ) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.failures = details.failures ?? [];
  }

  static {
    PipelineError.prototype.name = 'PipelineError';
  }
}
