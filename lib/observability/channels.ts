import { type Channel, channel, tracingChannel } from 'node:diagnostics_channel';
import type { Stats, VectorDatabase } from '../types.js';

/** What subscribers of the tracing channels get. `result` or `error` is there when the operation has ended. */
export interface OperationEvent {
  /** Name of the method: `search`, `addBatch`, … */
  operation: string;
  database: Pick<VectorDatabase, 'dimension' | 'metric'>;
  result?: unknown;
  error?: unknown;
}

/** What subscribers of `sagedb:publish` get: a new index is in service. */
export interface PublishEvent {
  database: Pick<VectorDatabase, 'dimension' | 'metric'>;
  indexVersion: number;
  indexedRows: number;
  buildSeconds: number;
  publishMicroseconds: number;
}

/** What subscribers of `sagedb:durable` get: the log was synced. */
export interface DurableEvent {
  database: Pick<VectorDatabase, 'dimension' | 'metric'>;
  /** Every mutation up to this sequence survives a loss of power. */
  durableSequence: number;
  logBytes: number;
}

/** Operations are published by kind: `tracing:sagedb:<kind>:start`, `:end`, `:asyncStart`, `:asyncEnd`, `:error`. */
export type OperationKind = 'search' | 'write' | 'build' | 'sync';

/** Names of the tracing channels, for `diagnostics_channel.tracingChannel(name)`. */
export const TRACING_CHANNELS: Readonly<Record<OperationKind, string>> = {
  search: 'sagedb:search',
  write: 'sagedb:write',
  build: 'sagedb:build',
  sync: 'sagedb:sync',
};

/** Name of the channel that tells of published indexes. */
export const PUBLISH_CHANNEL = 'sagedb:publish';

/** Name of the channel that tells of log syncs. */
export const DURABLE_CHANNEL = 'sagedb:durable';

const publishChannel: Channel = channel(PUBLISH_CHANNEL);
const durableChannel: Channel = channel(DURABLE_CHANNEL);
const anyoneListens = () => publishChannel.hasSubscribers || durableChannel.hasSubscribers;

/** One kind of operation of a database as a source of events. Without subscribers it costs a few property reads. */
export class TracedOperation {
  readonly #name: string;
  readonly #channel: ReturnType<typeof tracingChannel<unknown, OperationEvent>>;

  constructor(name: string, kind: OperationKind) {
    this.#name = name;
    this.#channel = tracingChannel<unknown, OperationEvent>(TRACING_CHANNELS[kind]);
  }

  get observed(): boolean {
    const { start, end, asyncStart, asyncEnd, error } = this.#channel;
    const either = start.hasSubscribers || asyncEnd.hasSubscribers;
    return either || end.hasSubscribers || asyncStart.hasSubscribers || error.hasSubscribers;
  }

  trace<T>(database: OperationEvent['database'], work: () => Promise<T>): Promise<T> {
    return this.#channel.tracePromise(work, { operation: this.#name, database }) as Promise<T>;
  }
}

/** The operations of a database, by method. */
export const operations = {
  search: new TracedOperation('search', 'search'),
  batchSearch: new TracedOperation('batchSearch', 'search'),
  add: new TracedOperation('add', 'write'),
  addBatch: new TracedOperation('addBatch', 'write'),
  upsert: new TracedOperation('upsert', 'write'),
  upsertBatch: new TracedOperation('upsertBatch', 'write'),
  update: new TracedOperation('update', 'write'),
  remove: new TracedOperation('remove', 'write'),
  removeWhere: new TracedOperation('removeWhere', 'write'),
  replaceWhere: new TracedOperation('replaceWhere', 'write'),
  buildIndex: new TracedOperation('buildIndex', 'build'),
  optimize: new TracedOperation('optimize', 'build'),
  flush: new TracedOperation('flush', 'sync'),
} as const;

const SAMPLE_MS = 50;

/**
 * Tells of published indexes and log syncs. The engine does both on threads of its own, so its counters are sampled, and only
 * while somebody listens: an event comes at most 50 ms late, and what happens within one interval shares an event.
 */
export class EngineWatch {
  readonly #database: PublishEvent['database'];
  /** Undefined when the database is closed. */
  readonly #stats: () => Stats | undefined;
  #timer: NodeJS.Timeout | undefined;
  #version = 0;
  #durable = 0;

  constructor(database: PublishEvent['database'], stats: () => Stats | undefined) {
    this.#database = database;
    this.#stats = stats;
  }

  /** Called before operations that can lead to an event. */
  ensure(): void {
    if (!anyoneListens() || this.#timer !== undefined) return;
    const stats = this.#stats();
    this.#version = stats?.indexVersion ?? 0;
    this.#durable = stats?.storage.durableSequence ?? 0;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#timer.unref();
  }

  #sample(): void {
    const stats = this.#stats();
    if (stats === undefined || !anyoneListens()) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    this.#publication(stats);
    this.#sync(stats);
  }

  #publication({ indexVersion, indexedRows, build }: Stats): void {
    if (indexVersion === this.#version) return;
    this.#version = indexVersion;
    publishChannel.publish({
      database: this.#database,
      indexVersion,
      indexedRows,
      buildSeconds: build.lastSeconds,
      publishMicroseconds: build.lastPublishMicroseconds,
    } satisfies PublishEvent);
  }

  #sync({ storage: { durableSequence, logBytes } }: Stats): void {
    if (durableSequence === this.#durable) return;
    this.#durable = durableSequence;
    durableChannel.publish({ database: this.#database, durableSequence, logBytes } satisfies DurableEvent);
  }
}
