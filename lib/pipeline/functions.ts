import type {
  CallOptions,
  CallService,
  MethodArguments,
  MethodResult,
  RegisteredServices,
  ServiceMethod,
} from '../service/service.js';
import { PipelineError } from './pipeline-error.js';

/** What a function of a pipeline may use besides its data. */
export interface FunctionContext<Services> {
  /** Calls a service registered in the environment. */
  readonly callService: CallService<Services>;
  /** Aborted when the pipeline is aborted: pass it to what takes long. */
  readonly signal: AbortSignal;
  /** Name of the stage. */
  readonly stage: string;
}

/** Type-level only: the services that a function calls, so that an environment without them is a compile error. */
declare const requires: unique symbol;

/** A function as an object with `execute`: an instance of one of the base classes below. */
export interface FunctionObject<In, Result, Services> {
  execute: (data: In) => Result;
  readonly [requires]: (services: Services) => void;
}

/** @internal Gives a function object its context when its pipeline is submitted. */
export const bindContext: unique symbol = Symbol('sagedb.pipeline.bindContext');

/** Base of all class-style functions. `Services` names the services that `callService` may reach. */
export abstract class PipelineFunction<Services = RegisteredServices> {
  declare readonly [requires]: (services: Services) => void;
  #context: FunctionContext<Services> | undefined;

  /** Called once before the first item. */
  open?(): void | Promise<void>;
  /** Called once after the last item, also when the pipeline failed. */
  close?(): void | Promise<void>;

  /** The context of the running pipeline. */
  protected get context(): FunctionContext<Services> {
    if (this.#context === undefined) {
      throw new PipelineError('INVALID_PIPELINE', `${this.constructor.name}: used outside of a running pipeline`);
    }
    return this.#context;
  }

  /** Calls a method of a service that is registered in the environment. */
  protected callService<N extends keyof Services & string, M extends ServiceMethod<Services[N]>>(
    name: N,
    options: CallOptions<M>,
    ...args: MethodArguments<Services[N], M>
  ): Promise<MethodResult<Services[N], M>> {
    return this.context.callService(name, options, ...args);
  }

  /** @internal */
  [bindContext](context: FunctionContext<Services>): void {
    if (this.#context !== undefined) {
      throw new PipelineError('INVALID_PIPELINE', `${this.constructor.name}: this object is in a pipeline already`);
    }
    this.#context = context;
  }
}

/** Makes the items of a pipeline from the data given to `fromBatch`. */
export abstract class SourceFunction<Data, Out, Services = RegisteredServices> extends PipelineFunction<Services> {
  abstract execute(data: Data): Iterable<Out> | AsyncIterable<Out>;
}

/** One item in, one item out. */
export abstract class MapFunction<In, Out, Services = RegisteredServices> extends PipelineFunction<Services> {
  abstract execute(data: In): Out | Promise<Out>;
}

/** Keeps the items for which it gives true. */
export abstract class FilterFunction<In, Services = RegisteredServices> extends PipelineFunction<Services> {
  abstract execute(data: In): boolean | Promise<boolean>;
}

/** One item in, any number out; the iterable is read as fast as the next stage takes its items. */
export abstract class FlatMapFunction<In, Out, Services = RegisteredServices> extends PipelineFunction<Services> {
  abstract execute(data: In): Iterable<Out> | Promise<Iterable<Out>>;
}

/** Many items at once: gives one result per item, in the same order. */
export abstract class BatchFunction<In, Out, Services = RegisteredServices> extends PipelineFunction<Services> {
  abstract execute(batch: In[]): readonly Out[] | Promise<readonly Out[]>;
}

/** Takes the items at the end of a pipeline. */
export abstract class SinkFunction<In, Services = RegisteredServices> extends PipelineFunction<Services> {
  abstract execute(data: In): unknown;
}

/** What a stage accepts: a plain function, a function object, or its class. */
export type StageFunction<In, Result, Services> =
  | ((data: In, context: FunctionContext<Services>) => Result)
  | FunctionObject<In, Result, Services>
  | (new () => FunctionObject<In, Result, Services>);

/** A stage function in the one form that runs. */
export interface BoundFunction {
  readonly name: string;
  call(data: unknown, context: FunctionContext<unknown>): unknown;
  open(context: FunctionContext<unknown>): Promise<void>;
  close(): Promise<void>;
}

type AnyObject = PipelineFunction<unknown> & { execute(data: unknown): unknown };

/** Brings the three forms of a stage function into one. */
export function bindFunction(given: unknown, field: string): BoundFunction {
  if (given instanceof PipelineFunction) return bindObject(given as AnyObject, field);
  if (typeof given !== 'function') {
    throw new PipelineError('INVALID_ARGUMENT', `${field}: expected a function, a function object or its class`);
  }
  if (given.prototype instanceof PipelineFunction) return bindObject(new (given as new () => AnyObject)(), field);
  const plain = given as (data: unknown, context: FunctionContext<unknown>) => unknown;
  return { name: given.name || field, call: plain, open: async () => undefined, close: async () => undefined };
}

function bindObject(object: AnyObject, field: string): BoundFunction {
  if (typeof object.execute !== 'function') {
    throw new PipelineError('INVALID_ARGUMENT', `${field}: ${object.constructor.name} has no execute method`);
  }
  return {
    name: object.constructor.name || field,
    call: (data) => object.execute(data),
    async open(context) {
      object[bindContext](context);
      await object.open?.();
    },
    async close() {
      await object.close?.();
    },
  };
}
