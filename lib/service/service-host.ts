import { LatencyRecorder, type LatencySummary } from './latency.js';
import { callInContext, type ManagedService, type ServiceFactory, type ServiceFactoryContext } from './service.js';
import { messageOf, ServiceError } from './service-error.js';

export type ServiceState = 'registered' | 'starting' | 'running' | 'failed' | 'stopped';

export interface ServiceHealth {
  state: ServiceState;
  healthy: boolean;
  /** Message of the failed start or health check. */
  error?: string;
  /** What the service's own `health()` gave. */
  details?: unknown;
}

/** Counters of one service since registration; latencies in microseconds, from the start of the call to its end. */
export interface ServiceMetrics {
  calls: number;
  failures: number;
  timeouts: number;
  aborts: number;
  latency: LatencySummary;
}

/** A service as the manager calls it: by names that were checked before. */
export type LiveService = ManagedService & Record<string | symbol, unknown>;

const RESERVED = new Set(['constructor', 'start', 'stop', 'health']);

/** One registered service: its factory, its single instance once it is started, and its counters. */
export class ServiceHost {
  readonly name: string;
  readonly latency = new LatencyRecorder();
  calls = 0;
  failures = 0;
  timeouts = 0;
  aborts = 0;
  /** Order in which services came up; they go down in reverse. */
  startOrder = -1;
  readonly #factory: ServiceFactory<object, never>;
  readonly #context: ServiceFactoryContext<never>;
  #state: ServiceState = 'registered';
  #instance: LiveService | undefined;
  #starting: Promise<LiveService> | undefined;
  #startError: unknown;

  constructor(name: string, factory: ServiceFactory<object, never>, context: ServiceFactoryContext<never>) {
    this.name = name;
    this.#factory = factory;
    this.#context = context;
  }

  get state(): ServiceState {
    return this.#state;
  }

  /** The running service, or undefined; `start` gives it to those who can wait. */
  get instance(): LiveService | undefined {
    return this.#instance;
  }

  /** Starts the service once, however many callers wait for it. A failed start is tried again by the next caller. */
  start(order: () => number): Promise<LiveService> {
    this.#starting ??= this.#create().then(
      (instance) => {
        this.#instance = instance;
        this.#state = 'running';
        this.startOrder = order();
        return instance;
      },
      (error: unknown) => {
        this.#starting = undefined;
        this.#state = 'failed';
        this.#startError = error;
        const message = `${this.name}: the service did not start: ${messageOf(error)}`;
        throw new ServiceError('START_FAILED', message, { service: this.name, cause: error });
      },
    );
    return this.#starting;
  }

  async #create(): Promise<LiveService> {
    this.#state = 'starting';
    const instance = (await this.#factory(this.#context)) as LiveService;
    if (typeof instance !== 'object' || instance === null) throw new TypeError('the factory gave no object');
    await instance.start?.();
    return instance;
  }

  /** Whether `method` may be called by name: the service's own or inherited function, no lifecycle, no Object method. */
  static callable(instance: LiveService, method: string): boolean {
    return !RESERVED.has(method) && !(method in Object.prototype) && typeof instance[method] === 'function';
  }

  static invoke(instance: LiveService, method: string, args: readonly unknown[], context: unknown): unknown {
    const contextual = instance[callInContext];
    if (typeof contextual === 'function') return contextual.call(instance, method, args, context);
    return (instance[method] as (...args: readonly unknown[]) => unknown)(...args);
  }

  async health(): Promise<ServiceHealth> {
    const state = this.#state;
    if (state === 'failed') return { state, healthy: false, error: messageOf(this.#startError) };
    if (this.#instance?.health === undefined) return { state, healthy: true };
    try {
      return { state, healthy: true, details: await this.#instance.health() };
    } catch (error) {
      return { state, healthy: false, error: messageOf(error) };
    }
  }

  metrics(): ServiceMetrics {
    const { calls, failures, timeouts, aborts } = this;
    return { calls, failures, timeouts, aborts, latency: this.latency.summary() };
  }

  /** Waits for a start in progress, then stops the instance once. */
  async stop(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    const instance = this.#instance;
    this.#instance = undefined;
    this.#state = 'stopped';
    await instance?.stop?.();
  }
}
