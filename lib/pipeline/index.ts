export type { DataStream } from './data-stream.js';
export {
  BatchFunction,
  FilterFunction,
  FlatMapFunction,
  type FunctionContext,
  MapFunction,
  PipelineFunction,
  SinkFunction,
  SourceFunction,
  type StageFunction,
} from './functions.js';
export type { JobHandle, JobStats, StopOptions, SubmitOptions } from './job.js';
export { LocalEnvironment, type LocalEnvironmentOptions } from './local-environment.js';
export { type Failure, PipelineError, type PipelineErrorCode } from './pipeline-error.js';
export type { BatchOptions, DeadLetterHandler, RetryPolicy, StageOptions } from './stage-options.js';
export type { StageKind, StageStats } from './stage-runner.js';
