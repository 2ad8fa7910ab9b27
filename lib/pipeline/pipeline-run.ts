import type { Duplex } from 'node:stream';
import { pipeline as connect } from 'node:stream/promises';
import type { CallService } from '../service/service.js';
import { BatchStream } from './batch-stream.js';
import { type BoundFunction, bindFunction, type FunctionContext } from './functions.js';
import type { Job } from './job.js';
import { SourceStream } from './source-stream.js';
import { type BatchOptions, resolveOptions, type StageOptions } from './stage-options.js';
import { BatchRunner, type StageKind, StageRunner } from './stage-runner.js';
import { StageStream } from './stage-stream.js';

/** A stage as it was described. Without a function, `batch` only gathers. */
export interface StageSpec {
  kind: StageKind;
  function: unknown;
  options: StageOptions<never> & Pick<BatchOptions<never>, 'batchSize' | 'maxWaitMs' | 'isolate'>;
}

/** A pipeline as it was described: where its items come from, and its stages up to the sink. */
export interface PipelineSpec {
  source: { function: unknown; data: unknown };
  stages: readonly StageSpec[];
}

/** Full batches wait in front of a batch function as few as keep it busy. */
const BATCHES_WAITING = 2;

/** Runs one pipeline of a job to its end. Items that fail are reported to the job; this rejects only for faults of its own. */
export async function runPipeline(spec: PipelineSpec, job: Job, callService: CallService<unknown>): Promise<void> {
  const opened: BoundFunction[] = [];
  const open = async (given: unknown, stage: string): Promise<[BoundFunction, FunctionContext<unknown>]> => {
    const bound = bindFunction(given, stage);
    const context = { callService, signal: job.signal, stage };
    opened.push(bound);
    await bound.open(context);
    return [bound, context];
  };
  try {
    const streams: Duplex[] = [];
    for (const [position, stage] of spec.stages.entries()) {
      streams.push(...(await makeStage(stage, position + 1, job, open)));
    }
    const source = await makeSource(spec, job, open);
    // Nobody reads the sink's readable side, which only ends.
    streams.at(-1)?.resume();
    await connect([source, ...streams]);
  } finally {
    for (const bound of opened.reverse()) {
      await bound.close().catch((error: unknown) => job.fail('STAGE_FAILED', `closing ${bound.name} failed`, error));
    }
  }
}

type Open = (given: unknown, stage: string) => Promise<[BoundFunction, FunctionContext<unknown>]>;

async function makeSource({ source }: PipelineSpec, job: Job, open: Open): Promise<SourceStream> {
  let items = source.data;
  if (source.function !== undefined) {
    const [bound, context] = await open(source.function, 'source');
    items = bound.call(source.data, context);
  }
  const stream = new SourceStream(
    items as Iterable<unknown>,
    {
      failed: (error) => job.fail('SOURCE_FAILED', 'the source failed', error),
      late: (item) => job.reportLate(item),
    },
    job.bufferSize,
  );
  job.addSource(stream, countOf(items));
  return stream;
}

async function makeStage(stage: StageSpec, position: number, job: Job, open: Open): Promise<Duplex[]> {
  const { kind, options } = stage;
  const size = job.bufferSize;
  const gather = kind === 'batch' ? [new BatchStream(options.batchSize ?? 100, options.maxWaitMs, size)] : [];
  if (stage.function === undefined) return gather;
  const unnamed = `${kind}-${position}`;
  const name = options.name ?? functionName(stage.function) ?? unnamed;
  const [bound, context] = await open(stage.function, name);
  const resolved = resolveOptions(options, name);
  const runner = new (kind === 'batch' ? BatchRunner : StageRunner)(kind, resolved, bound, context, job);
  if (runner instanceof BatchRunner) runner.isolate = options.isolate === true;
  job.addStage(runner.stats);
  const buffer = { in: kind === 'batch' ? BATCHES_WAITING : size, out: size };
  return [...gather, new StageStream(runner, buffer)];
}

function functionName(given: unknown): string | undefined {
  const name = typeof given === 'function' ? given.name : (given as object | undefined)?.constructor.name;
  return name === '' ? undefined : name;
}

function countOf(items: unknown): number | undefined {
  if (Array.isArray(items) || ArrayBuffer.isView(items)) return (items as unknown as { length: number }).length;
  return items instanceof Set || items instanceof Map ? items.size : undefined;
}
