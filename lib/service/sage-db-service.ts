import { SageDBError } from '../errors.js';
import type { Filter } from '../filter.js';
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
import type { AsyncVectorDatabase } from './database.js';
import { MethodRecorder } from './method-recorder.js';
import { type CallContext, type ContextAwareService, callInContext, type ManagedService } from './service.js';
import type {
  ServiceHit,
  ServiceItem,
  ServiceSearchOptions,
  VectorService,
  VectorServiceStats,
} from './vector-service.js';

/** Serves a database that someone else opened, or opens one with the first call. */
export interface ExistingDatabaseOptions<M extends object = Metadata> {
  /** The database, or a function that opens it, as in `() => SageDB.connect(url)`. */
  database: AsyncVectorDatabase<M> | (() => Promise<AsyncVectorDatabase<M>>);
  /** Close the database when the service stops. Default: true when the service opened it by the function. */
  closeDatabase?: boolean;
}

/** How a service comes by its database: `SageDB.open` options, or a database. */
export type SageDBServiceOptions<M extends object = Metadata> = OpenOptions | ExistingDatabaseOptions<M>;

/** Position of the options object that takes a `signal`, by method. */
const OPTIONS_POSITION: Readonly<Record<string, number>> = {
  search: 1,
  batchSearch: 1,
  addBatch: 2,
  upsertBatch: 2,
  buildIndex: 0,
};

/**
 * A database as a service: opened by the first call, closed with the manager, every method counted and timed.
 *
 * @example
 * const manager = new ServiceManager().register('sage_db', () => new SageDBService({ dimension: 768 }));
 */
export class SageDBService<M extends object = Metadata>
  implements VectorService<M>, ManagedService, ContextAwareService
{
  readonly #options: SageDBServiceOptions<M>;
  readonly #recorder = new MethodRecorder();
  #opening: Promise<AsyncVectorDatabase<M>> | undefined;
  #database: AsyncVectorDatabase<M> | undefined;
  #stopped = false;

  constructor(options: SageDBServiceOptions<M>) {
    this.#options = options;
  }

  /** Opens the database. Calls do it by themselves; a manager does it before the first call. */
  async start(): Promise<void> {
    await this.#open();
  }

  /** Closes the database if this service opened it. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    const options = this.#options;
    const owned = 'database' in options ? (options.closeDatabase ?? typeof options.database === 'function') : true;
    const database = await this.#opening?.catch(() => undefined);
    if (owned) await database?.close();
  }

  async health(): Promise<{ size: number; indexVersion: number }> {
    const { size, indexVersion } = await (await this.#open()).stats();
    return { size, indexVersion };
  }

  add(vector: VectorInput, metadata?: M, options?: AddOptions): Promise<Id> {
    return this.#call('add', (database) => database.add(vector, metadata, options));
  }

  addBatch(vectors: VectorsInput, metadata?: readonly (M | undefined)[], options?: AddBatchOptions): Promise<Id[]> {
    return this.#call('addBatch', (database) => database.addBatch(vectors, metadata, options));
  }

  upsert(vector: VectorInput, metadata?: M, options?: AddOptions): Promise<Id> {
    return this.#call('upsert', (database) => database.upsert(vector, metadata, options));
  }

  upsertBatch(vectors: VectorsInput, metadata?: readonly (M | undefined)[], options?: AddBatchOptions): Promise<Id[]> {
    return this.#call('upsertBatch', (database) => database.upsertBatch(vectors, metadata, options));
  }

  update(id: Id, patch: ItemPatch<M>): Promise<boolean> {
    return this.#call('update', (database) => database.update(id, patch));
  }

  remove(ids: Id | readonly Id[]): Promise<number> {
    const list = typeof ids === 'object' ? ids : [ids];
    return this.#call('remove', (database) => database.remove(list));
  }

  get(id: Id, options?: GetOptions): Promise<ServiceItem<M> | undefined> {
    return this.#call('get', (database) => database.get<boolean>(id, options));
  }

  count(filter?: Filter<M>): Promise<number> {
    return this.#call('count', (database) => database.count(filter));
  }

  search(query: VectorInput | TextQuery, options?: ServiceSearchOptions<M>): Promise<ServiceHit<M>[]> {
    return this.#call('search', (database) => database.search<true, boolean>(query, options));
  }

  batchSearch(queries: VectorsInput, options?: ServiceSearchOptions<M>): Promise<ServiceHit<M>[][]> {
    return this.#call('batchSearch', (database) => database.batchSearch<true, boolean>(queries, options));
  }

  buildIndex(options?: LongOptions): Promise<void> {
    return this.#call('buildIndex', (database) => database.buildIndex(options));
  }

  flush(): Promise<void> {
    return this.#call('flush', (database) => database.flush());
  }

  async stats(): Promise<VectorServiceStats> {
    const database = await (await this.#open()).stats();
    return { methods: this.#recorder.stats(), database };
  }

  /** Hands the signal of a call that can be taken back to the database, unless the caller gave one in the options. */
  [callInContext](method: string, args: readonly unknown[], context: CallContext): unknown {
    const target = this as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
    const position = OPTIONS_POSITION[method];
    if (position === undefined || !context.cancellable) return target[method]!(...args);
    const given = args[position] as { signal?: AbortSignal } | undefined;
    const signal = given?.signal === undefined ? context.signal : AbortSignal.any([given.signal, context.signal]);
    const withSignal = [...args];
    while (withSignal.length < position) withSignal.push(undefined);
    withSignal[position] = { ...given, signal };
    return target[method]!(...withSignal);
  }

  #call<T>(method: string, work: (database: AsyncVectorDatabase<M>) => Promise<T>): Promise<T> {
    const database = this.#database;
    if (database !== undefined && !this.#stopped) return this.#recorder.measure(method, () => work(database));
    return this.#recorder.measure(method, async () => work(await this.#open()));
  }

  async #open(): Promise<AsyncVectorDatabase<M>> {
    if (this.#stopped) throw new SageDBError('CLOSED', 'the service is stopped');
    this.#opening ??= openDatabase(this.#options);
    const opening = this.#opening;
    try {
      this.#database = await opening;
      return this.#database;
    } catch (error) {
      // The next call tries again: a remote server may come back.
      if (this.#opening === opening) this.#opening = undefined;
      throw error;
    }
  }
}

async function openDatabase<M extends object>(options: SageDBServiceOptions<M>): Promise<AsyncVectorDatabase<M>> {
  if ('database' in options) return typeof options.database === 'function' ? options.database() : options.database;
  // Loaded here, so that a service over a remote database runs where no addon is installed.
  const { SageDB } = await import('../sage-db.js');
  return SageDB.open<M>(options);
}
