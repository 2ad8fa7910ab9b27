import type {
  CallOptions,
  CallService,
  MethodArguments,
  MethodResult,
  ServiceFactory,
  ServiceMethod,
} from '../service/service.js';
import { ServiceManager, type ServiceManagerOptions } from '../service/service-manager.js';
import { DataStream } from './data-stream.js';
import type { FunctionObject } from './functions.js';
import { Job, type JobHandle, type SubmitOptions } from './job.js';
import { PipelineError } from './pipeline-error.js';
import { type PipelineSpec, runPipeline } from './pipeline-run.js';

/** Options of the environment's service manager: `concurrency` (default 10), `maxQueued`, `timeout`. */
export interface LocalEnvironmentOptions extends ServiceManagerOptions {}

type Items<T> = Iterable<T> | AsyncIterable<T>;
type Source<Data, T, Services> = FunctionObject<Data, Items<T>, Services>;

/**
 * Services and the pipelines that use them, in this process.
 *
 * @example
 * const env = new LocalEnvironment('search').registerService('sage_db', () => new SageDBService({ dimension: 768 }));
 * env.fromBatch(queries)
 *   .map((query, { callService }) => callService('sage_db', { method: 'search' }, query))
 *   .sink(console.log);
 * await env.submit({ autostop: true }).done;
 */
export class LocalEnvironment<Services extends object = Record<never, never>> {
  readonly name: string;
  readonly services: ServiceManager<Services>;
  readonly #defined: PipelineSpec[] = [];
  readonly #jobs = new Set<Job>();
  #autostop = false;
  #submitted = 0;

  constructor(name: string, options: LocalEnvironmentOptions = {}) {
    this.name = name;
    this.services = new ServiceManager(options) as ServiceManager<object> as ServiceManager<Services>;
  }

  /** Registers a service that starts with its first call. Returns this environment, typed with the service. */
  registerService<N extends string, S extends object>(
    name: N,
    factory: ServiceFactory<S, Services>,
  ): LocalEnvironment<Services & Record<N, S>> {
    this.services.register(name, factory);
    return this as unknown as LocalEnvironment<Services & Record<N, S>>;
  }

  /** Calls a service from outside of a pipeline. */
  callService<N extends keyof Services & string, M extends ServiceMethod<Services[N]>>(
    name: N,
    options: CallOptions<M>,
    ...args: MethodArguments<Services[N], M>
  ): Promise<MethodResult<Services[N], M>> {
    return this.services.callService(name, options, ...args);
  }

  /** Begins a pipeline with the items of an iterable, or of a source function over `data`. */
  fromBatch<T>(items: Items<T>): DataStream<T, Services>;
  fromBatch<Data, T>(
    source: Source<Data, T, Services> | (new () => Source<Data, T, Services>),
    data: Data,
  ): DataStream<T, Services>;
  fromBatch(first: unknown, ...rest: [data?: unknown]): DataStream<never, Services> {
    const source = rest.length === 0 ? { function: undefined, data: first } : { function: first, data: rest[0] };
    if (source.function === undefined && !isIterable(first)) {
      throw new PipelineError('INVALID_ARGUMENT', 'fromBatch: expected an iterable, or a source function and its data');
    }
    return new DataStream({ source, stages: [] }, (spec) => this.#defined.push(spec));
  }

  /** Starts every pipeline that was ended with `sink` since the last `submit`, as one job. */
  submit(options: SubmitOptions = {}): JobHandle {
    if (this.#defined.length === 0) {
      throw new PipelineError('INVALID_PIPELINE', `${this.name}: no pipeline ends with a sink`);
    }
    const specs = this.#defined.splice(0);
    this.#autostop ||= options.autostop === true;
    const job = new Job(`${this.name}-${++this.#submitted}`, options, async (running) => {
      try {
        await Promise.all(specs.map((spec) => this.#run(spec, running)));
      } finally {
        this.#jobs.delete(running);
        if (this.#autostop && this.#jobs.size === 0) await this.services.shutdown();
      }
    });
    this.#jobs.add(job);
    return job;
  }

  /** One pipeline that cannot start or breaks ends its job; the others of the job come to their end. */
  async #run(spec: PipelineSpec, job: Job): Promise<void> {
    const callService: CallService<Services> = (name, call, ...args) => this.services.callService(name, call, ...args);
    try {
      await runPipeline(spec, job, callService as CallService<unknown>);
    } catch (error) {
      job.fail('INVALID_PIPELINE', 'a pipeline did not run', error);
    }
  }

  /** Stops the running jobs, lets them drain, and shuts the services down. */
  async close(): Promise<void> {
    await Promise.allSettled(Array.from(this.#jobs, (job) => job.stop()));
    await this.services.shutdown();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function isIterable(value: unknown): boolean {
  const items = value as Partial<Iterable<unknown> & AsyncIterable<unknown>> | undefined | null;
  return typeof items?.[Symbol.iterator] === 'function' || typeof items?.[Symbol.asyncIterator] === 'function';
}
