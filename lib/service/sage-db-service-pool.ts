import { invalidArgument, SageDBError } from '../errors.js';
import type { Filter } from '../filter.js';
import type { SageDB } from '../sage-db.js';
import type {
  AddBatchOptions,
  AddOptions,
  GetOptions,
  Id,
  ItemPatch,
  LongOptions,
  Metadata,
  OpenOptions,
  TextQuery,
  VectorInput,
  VectorsInput,
} from '../types.js';
import { MethodRecorder } from './method-recorder.js';
import { type PoolCall, PoolThread, type PoolWorkerOptions } from './pool-thread.js';
import { SageDBService } from './sage-db-service.js';
import { type CallContext, type ContextAwareService, callInContext, type ManagedService } from './service.js';
import type {
  ServiceHit,
  ServiceItem,
  ServiceSearchOptions,
  VectorService,
  VectorServiceStats,
} from './vector-service.js';

/** What a task gets besides its input. */
export interface TaskContext<M extends object = Metadata> {
  /** The pool's engine, attached in the task's own thread. */
  database: SageDB<M>;
  /** Aborted when the caller does not wait any more. */
  signal: AbortSignal;
}

/** The module of a pool's tasks: `Tasks` is `typeof import('./tasks.js')`. */
export type TaskName<Tasks> = {
  [K in keyof Tasks]: Tasks[K] extends (input: never, context: never) => unknown ? K : never;
}[keyof Tasks] &
  string;
type TaskInput<T> = T extends (input: infer I, ...rest: never[]) => unknown ? I : never;
type TaskResult<T> = T extends (...args: never[]) => infer R ? Awaited<R> : never;

export interface SageDBServicePoolOptions extends Omit<OpenOptions, 'dimension'> {
  /**
   * Where `search` and `batchSearch` are called: `caller` (default) in the thread that asks, `workers` in the pool's threads.
   * The engine uses every core either way; see docs/services.md for when the detour pays.
   */
  dispatch?: 'caller' | 'workers';
  /** Module whose exported functions `run` calls in the pool's threads. */
  tasks?: URL | string;
  /** Options of the threads. */
  worker?: PoolWorkerOptions;
}

/** Methods that the threads can take over. */
const SEARCHES: ReadonlySet<string> = new Set(['search', 'batchSearch']);

/**
 * One engine and `poolSize` worker threads attached to it: one copy of the data, `poolSize` event loops. The engine needs no
 * pool to be parallel; JavaScript does. So the database methods go straight to the engine, and `run` brings the JavaScript
 * around them (embedding, parsing, re-ranking) to the threads, where the same data is at hand.
 *
 * Threads start with the first call that needs them, and one that died is replaced.
 */
export class SageDBServicePool<M extends object = Metadata, Tasks extends object = Record<never, never>>
  implements VectorService<M>, ManagedService, ContextAwareService
{
  readonly dimension: number;
  readonly poolSize: number;
  readonly #options: SageDBServicePoolOptions;
  readonly #service: SageDBService<M>;
  readonly #recorder = new MethodRecorder();
  readonly #engine: () => Promise<SageDB<M>>;
  #threads: Promise<PoolThread[]> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(dimension: number, poolSize: number, options: SageDBServicePoolOptions = {}) {
    if (!Number.isSafeInteger(poolSize) || poolSize < 1)
      throw invalidArgument('poolSize', 'a positive integer', poolSize);
    this.dimension = dimension;
    this.poolSize = poolSize;
    this.#options = options;
    const { dispatch: _dispatch, tasks: _tasks, worker: _worker, ...open } = options;
    let opening: Promise<SageDB<M>> | undefined;
    this.#engine = () => {
      opening ??= import('../sage-db.js').then(({ SageDB }) => SageDB.open<M>({ ...open, dimension }));
      return opening;
    };
    this.#service = new SageDBService<M>({ database: this.#engine });
  }

  start(): Promise<void> {
    return this.#service.start();
  }

  /** Lets the threads finish, then closes the engine. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  health(): Promise<{ size: number; indexVersion: number }> {
    return this.#service.health();
  }

  add(vector: VectorInput, metadata?: M, options?: AddOptions): Promise<Id> {
    return this.#service.add(vector, metadata, options);
  }

  addBatch(vectors: VectorsInput, metadata?: readonly (M | undefined)[], options?: AddBatchOptions): Promise<Id[]> {
    return this.#service.addBatch(vectors, metadata, options);
  }

  upsert(vector: VectorInput, metadata?: M, options?: AddOptions): Promise<Id> {
    return this.#service.upsert(vector, metadata, options);
  }

  upsertBatch(vectors: VectorsInput, metadata?: readonly (M | undefined)[], options?: AddBatchOptions): Promise<Id[]> {
    return this.#service.upsertBatch(vectors, metadata, options);
  }

  update(id: Id, patch: ItemPatch<M>): Promise<boolean> {
    return this.#service.update(id, patch);
  }

  remove(ids: Id | readonly Id[]): Promise<number> {
    return this.#service.remove(ids);
  }

  get(id: Id, options?: GetOptions): Promise<ServiceItem<M> | undefined> {
    return this.#service.get(id, options);
  }

  count(filter?: Filter<M>): Promise<number> {
    return this.#service.count(filter);
  }

  search(query: VectorInput | TextQuery, options?: ServiceSearchOptions<M>): Promise<ServiceHit<M>[]> {
    if (this.#options.dispatch !== 'workers') return this.#service.search(query, options);
    return this.#dispatch('search', query, options) as Promise<ServiceHit<M>[]>;
  }

  batchSearch(queries: VectorsInput, options?: ServiceSearchOptions<M>): Promise<ServiceHit<M>[][]> {
    if (this.#options.dispatch !== 'workers') return this.#service.batchSearch(queries, options);
    return this.#dispatch('batchSearch', queries, options) as Promise<ServiceHit<M>[][]>;
  }

  buildIndex(options?: LongOptions): Promise<void> {
    return this.#service.buildIndex(options);
  }

  flush(): Promise<void> {
    return this.#service.flush();
  }

  async stats(): Promise<VectorServiceStats> {
    const { methods, database } = await this.#service.stats();
    return { methods: { ...methods, ...this.#recorder.stats() }, database };
  }

  /** Calls an exported function of the tasks module in the thread with the least to do. Input and result are cloned. */
  run<N extends TaskName<Tasks>>(
    task: N,
    input: TaskInput<Tasks[N]>,
    options: { signal?: AbortSignal } = {},
  ): Promise<TaskResult<Tasks[N]>> {
    return this.#recorder.measure('run', () => {
      if (this.#options.tasks === undefined)
        throw invalidArgument('tasks', 'a module, to run its functions', undefined);
      return this.#send({ kind: 'task', task, input }, options.signal) as Promise<TaskResult<Tasks[N]>>;
    });
  }

  /** As `SageDBService`: the signal of a call that can be taken back reaches the engine, or the thread. */
  [callInContext](method: string, args: readonly unknown[], context: CallContext): unknown {
    const target = this as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
    if (!context.cancellable) return target[method]!(...args);
    if (method === 'run') return target.run!(args[0], args[1], { signal: context.signal });
    if (!SEARCHES.has(method)) return this.#service[callInContext](method, args, context);
    return target[method]!(args[0], { ...(args[1] as object | undefined), signal: context.signal });
  }

  #dispatch(method: 'search' | 'batchSearch', query: unknown, options: ServiceSearchOptions<M> = {}): Promise<unknown> {
    const { signal, ...rest } = options;
    return this.#recorder.measure(method, () => this.#send({ kind: 'search', method, args: [query, rest] }, signal));
  }

  async #send(call: PoolCall, signal: AbortSignal | undefined): Promise<unknown> {
    if (this.#stopped !== undefined) throw new SageDBError('CLOSED', 'the service is stopped');
    this.#threads ??= this.#makeThreads();
    const threads = await this.#threads;
    return threads.reduce((least, thread) => (thread.load < least.load ? thread : least)).call(call, signal);
  }

  async #makeThreads(): Promise<PoolThread[]> {
    const { handle } = await this.#engine();
    const { tasks, worker = {} } = this.#options;
    const data = { handle, tasks: tasks === undefined ? undefined : String(tasks) };
    return Array.from({ length: this.poolSize }, () => new PoolThread(data, worker));
  }

  async #stop(): Promise<void> {
    const threads = (await this.#threads?.catch(() => undefined)) ?? [];
    await Promise.all(threads.map((thread) => thread.stop()));
    await this.#service.stop();
  }
}
