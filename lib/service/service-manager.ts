import { performance } from 'node:perf_hooks';
import { CallQueue } from './call-queue.js';
import { LatencyRecorder, type LatencySummary } from './latency.js';
import { PendingCall, type PendingCallInfo } from './pending-call.js';
import type {
  CallOptions,
  CallService,
  MethodArguments,
  MethodResult,
  ServiceFactory,
  ServiceMethod,
} from './service.js';
import { messageOf, ServiceError } from './service-error.js';
import { type ServiceHealth, ServiceHost, type ServiceMetrics } from './service-host.js';

export interface ServiceManagerOptions {
  /** Calls that run at the same time; more wait in order. Default 10. */
  concurrency?: number;
  /** Calls that may wait; more are refused with `OVERLOADED`. Default 100,000. */
  maxQueued?: number;
  /** Timeout of calls that give none, in milliseconds. Default: none. */
  timeout?: number;
}

export interface ShutdownOptions {
  /** Milliseconds to wait for calls; what has not ended then fails with `SHUTTING_DOWN`. Default: as long as it takes. */
  timeout?: number;
}

export interface ServiceManagerHealth {
  status: 'ok' | 'degraded' | 'stopping' | 'stopped';
  running: number;
  queued: number;
  services: Record<string, ServiceHealth>;
}

export interface ServiceManagerMetrics {
  concurrency: number;
  running: number;
  queued: number;
  /** Largest number of calls that ran at the same time. */
  peakRunning: number;
  calls: number;
  failures: number;
  /** Time that calls waited for a slot, in microseconds. */
  queueWait: LatencySummary;
  services: Record<string, ServiceMetrics>;
}

const MAX_TIMEOUT = 2 ** 31 - 1;

/**
 * Calls the methods of registered services by name: services start with their first call, a bounded number of calls run at
 * the same time and the rest wait in order, and every call can be timed out or aborted.
 *
 * `register` returns the manager with a wider type, so keep its result:
 *
 * @example
 * const manager = new ServiceManager().register('sage_db', () => new SageDBService({ dimension: 768 }));
 * const hits = await manager.callService('sage_db', { method: 'search' }, query, { k: 10 });
 */
export class ServiceManager<Services extends object = Record<never, never>> {
  readonly #hosts = new Map<string, ServiceHost>();
  readonly #pending = new Map<number, PendingCall>();
  readonly #queue: CallQueue<PendingCall>;
  readonly #queueWait = new LatencyRecorder();
  readonly #maxQueued: number;
  readonly #timeout: number | undefined;
  #lastRequestId = 0;
  #started = 0;
  #peakRunning = 0;
  #idle: (() => void) | undefined;
  #shutdown: Promise<void> | undefined;
  #stopped = false;

  constructor(options: ServiceManagerOptions = {}) {
    const concurrency = options.concurrency ?? 10;
    requirePositiveInteger('concurrency', concurrency);
    this.#maxQueued = options.maxQueued ?? 100_000;
    if (this.#maxQueued !== 0) requirePositiveInteger('maxQueued', this.#maxQueued);
    if (options.timeout !== undefined) requireTimeout(options.timeout);
    this.#timeout = options.timeout;
    this.#queue = new CallQueue(concurrency, (call) => this.#run(call));
  }

  /** Registers a service under a name. The factory runs with the first call. Returns this manager, typed with the service. */
  register<N extends string, S extends object>(
    name: N,
    factory: ServiceFactory<S, Services>,
  ): ServiceManager<Services & Record<N, S>> {
    if (this.#shutdown !== undefined) throw this.#shuttingDown(name);
    if (typeof name !== 'string' || name === '') throw invalid('name: expected a string that is not empty');
    if (typeof factory !== 'function') throw invalid(`${name}: expected a factory function, got ${typeof factory}`);
    if (this.#hosts.has(name)) throw invalid(`${name}: a service of this name is registered already`);
    const callService = ((other: string, options: CallOptions, ...args: unknown[]) =>
      this.#submit(other, options, args, true)) as unknown as CallService<Services>;
    const context = { name, callService };
    this.#hosts.set(name, new ServiceHost(name, factory as unknown as ServiceFactory<object, never>, context as never));
    return this as unknown as ServiceManager<Services & Record<N, S>>;
  }

  /** Calls a method of a service. Rejects with a {@link ServiceError}; never throws synchronously. */
  callService<N extends keyof Services & string, M extends ServiceMethod<Services[N]>>(
    name: N,
    options: CallOptions<M>,
    ...args: MethodArguments<Services[N], M>
  ): Promise<MethodResult<Services[N], M>> {
    return this.#submit(name, options, args, false) as Promise<MethodResult<Services[N], M>>;
  }

  /** Starts a service ahead of its first call. */
  async start(name: keyof Services & string): Promise<void> {
    if (this.#shutdown !== undefined) throw this.#shuttingDown(name);
    await this.#host(name).start(() => this.#started++);
  }

  /** The calls that have not ended, oldest first. */
  pending(): PendingCallInfo[] {
    const now = performance.now();
    return Array.from(this.#pending.values(), (call) => call.info(now));
  }

  async health(): Promise<ServiceManagerHealth> {
    const entries = await Promise.all(
      Array.from(this.#hosts.values(), async (host) => [host.name, await host.health()] as const),
    );
    const healthy = entries.every(([, health]) => health.healthy);
    const status = this.#stopped ? 'stopped' : this.#shutdown ? 'stopping' : healthy ? 'ok' : 'degraded';
    const { running, queued } = this.#queue;
    return { status, running, queued, services: Object.fromEntries(entries) };
  }

  metrics(): ServiceManagerMetrics {
    const hosts = Array.from(this.#hosts.values());
    const { limit: concurrency, running, queued } = this.#queue;
    return {
      concurrency,
      running,
      queued,
      peakRunning: this.#peakRunning,
      calls: hosts.reduce((sum, host) => sum + host.calls, 0),
      failures: hosts.reduce((sum, host) => sum + host.failures, 0),
      queueWait: this.#queueWait.summary(),
      services: Object.fromEntries(hosts.map((host) => [host.name, host.metrics()])),
    };
  }

  /**
   * Refuses new calls, lets those in flight and in the queue finish, then stops the services in reverse order of their
   * start. Idempotent: every call gives the same promise. Errors of `stop` methods are thrown together at the end.
   */
  shutdown(options: ShutdownOptions = {}): Promise<void> {
    this.#shutdown ??= this.#drainAndStop(options);
    return this.#shutdown;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  #submit(name: string, options: CallOptions, args: readonly unknown[], nested: boolean): Promise<unknown> {
    let call: PendingCall;
    try {
      call = this.#admit(name, options, args, nested);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#pending.set(call.requestId, call);
    if (call.cancellable) call.watch((error) => this.#giveUp(call, error));
    if (nested) this.#run(call);
    else this.#queue.push(call);
    return call.promise;
  }

  #admit(name: string, options: CallOptions, args: readonly unknown[], nested: boolean): PendingCall {
    if (this.#stopped || (this.#shutdown !== undefined && !nested)) throw this.#shuttingDown(name);
    const host = this.#host(name);
    if (typeof options?.method !== 'string') throw invalid('options.method: expected the name of a method');
    const timeout = options.timeout ?? this.#timeout;
    if (timeout !== undefined) requireTimeout(timeout);
    if (options.signal?.aborted === true) {
      host.aborts++;
      const message = `${name}.${options.method}: the call was aborted`;
      throw new ServiceError('ABORTED', message, {
        service: name,
        method: options.method,
        cause: options.signal.reason,
      });
    }
    if (!nested && this.#queue.running >= this.#queue.limit && this.#queue.queued >= this.#maxQueued) {
      const message = `${name}.${options.method}: ${this.#maxQueued} calls wait already`;
      throw new ServiceError('OVERLOADED', message, { service: name, method: options.method });
    }
    const { method, signal } = options;
    return new PendingCall(++this.#lastRequestId, { service: name, method, args, timeout, signal, nested });
  }

  #host(name: string): ServiceHost {
    const host = this.#hosts.get(name);
    if (host !== undefined) return host;
    const known = Array.from(this.#hosts.keys()).join(', ') || 'none';
    throw new ServiceError('SERVICE_NOT_FOUND', `${name}: no such service (registered: ${known})`, { service: name });
  }

  /** The call has a slot (or needs none): serve it, and give the slot back only when the service is done with it. */
  async #run(call: PendingCall): Promise<void> {
    const host = this.#hosts.get(call.service)!;
    call.running = true;
    call.startedAt = performance.now();
    host.calls++;
    this.#peakRunning = Math.max(this.#peakRunning, this.#queue.running);
    this.#queueWait.record(call.startedAt - call.queuedAt);
    let reached = false;
    try {
      const instance = host.instance ?? (await host.start(() => this.#started++));
      if (call.settled) return;
      if (!ServiceHost.callable(instance, call.method)) {
        throw call.error('METHOD_NOT_FOUND', 'the service has no such method');
      }
      reached = true;
      this.#succeeded(host, call, await ServiceHost.invoke(instance, call.method, call.args, call));
    } catch (error) {
      // A service may throw a ServiceError of another call: what it threw is always a cause, never our own answer.
      this.#failed(host, call, reached ? call.error('CALL_FAILED', messageOf(error), error) : (error as ServiceError));
    } finally {
      this.#end(call);
    }
  }

  #succeeded(host: ServiceHost, call: PendingCall, value: unknown): void {
    if (call.settled) return;
    host.latency.record(performance.now() - call.startedAt);
    call.succeed(value);
  }

  #failed(host: ServiceHost, call: PendingCall, error: ServiceError): void {
    if (call.settled) return;
    host.failures++;
    host.latency.record(performance.now() - call.startedAt);
    call.fail(error);
  }

  #end(call: PendingCall): void {
    this.#pending.delete(call.requestId);
    if (!call.nested) this.#queue.release();
    this.#wakeIfIdle();
  }

  /** The caller stops waiting: out of the queue, or abandoned in its slot until the service is done. */
  #giveUp(call: PendingCall, error: ServiceError): void {
    const host = this.#hosts.get(call.service)!;
    if (error.code === 'TIMEOUT') host.timeouts++;
    else if (error.code === 'ABORTED') host.aborts++;
    call.fail(error);
    if (!call.running) {
      this.#pending.delete(call.requestId);
      this.#queue.cancelled();
      this.#wakeIfIdle();
    }
  }

  #wakeIfIdle(): void {
    if (this.#idle !== undefined && this.#pending.size === 0) this.#idle();
  }

  async #drainAndStop(options: ShutdownOptions): Promise<void> {
    await this.#drain(options.timeout);
    this.#stopped = true;
    const errors: unknown[] = [];
    const hosts = Array.from(this.#hosts.values()).sort((a, b) => b.startOrder - a.startOrder);
    for (const host of hosts) {
      await host.stop().catch((error: unknown) => errors.push(error));
    }
    if (errors.length > 0) throw new AggregateError(errors, 'services did not stop cleanly');
  }

  async #drain(timeout: number | undefined): Promise<void> {
    if (this.#pending.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const idle = new Promise<'idle'>((resolve) => {
      this.#idle = () => resolve('idle');
    });
    const late = new Promise<'late'>((resolve) => {
      if (timeout !== undefined) timer = setTimeout(resolve, timeout, 'late');
    });
    const outcome = await Promise.race([idle, late]);
    clearTimeout(timer);
    if (outcome === 'idle') return;
    for (const call of Array.from(this.#pending.values())) {
      this.#giveUp(call, call.error('SHUTTING_DOWN', `not done ${timeout} ms after the shutdown began`));
    }
  }

  #shuttingDown(name: string): ServiceError {
    return new ServiceError('SHUTTING_DOWN', `${name}: the service manager is shutting down`, { service: name });
  }
}

function invalid(message: string): ServiceError {
  return new ServiceError('INVALID_ARGUMENT', message);
}

function requirePositiveInteger(field: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) throw invalid(`${field}: expected a positive integer, got ${value}`);
}

function requireTimeout(value: number): void {
  if (typeof value !== 'number' || !(value > 0) || value > MAX_TIMEOUT) {
    throw invalid(`timeout: expected milliseconds in (0, ${MAX_TIMEOUT}], got ${value}`);
  }
}
