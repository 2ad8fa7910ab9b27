/**
 * What a service is: any object whose methods are called by name, with three optional lifecycle methods that the manager
 * calls itself. The types derive everything that `callService` checks from the service's own methods.
 */

/** Methods that belong to the manager and cannot be called by name. */
export type LifecycleMethod = 'start' | 'stop' | 'health';

/** The optional part of every service. */
export interface ManagedService {
  /** Called once before the first call; a rejection fails the calls that wait for it, and the next call tries again. */
  start?(): void | Promise<void>;
  /** Called once when the manager has drained its calls. */
  stop?(): void | Promise<void>;
  /** Details for `ServiceManager.health()`; a rejection marks the service as degraded. */
  health?(): unknown;
}

/** Names of the methods of `S` that can be called through a manager. */
export type ServiceMethod<S> = {
  [K in keyof S]-?: K extends LifecycleMethod ? never : S[K] extends (...args: never[]) => unknown ? K : never;
}[keyof S] &
  string;

/** Arguments of method `M` of service `S`. */
export type MethodArguments<S, M extends keyof S> = S[M] extends (...args: infer A) => unknown ? A : never;

/** What method `M` of service `S` gives, awaited. */
export type MethodResult<S, M extends keyof S> = S[M] extends (...args: never[]) => infer R ? Awaited<R> : never;

/**
 * Services that functions reach when they do not say which: extend it by declaration merging.
 *
 * @example
 * declare module 'sagedb/service' {
 *   interface RegisteredServices { sage_db: SageDBService }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: users add their services by declaration merging
export interface RegisteredServices {}

/** Options of one call. */
export interface CallOptions<M extends string = string> {
  method: M;
  /** Milliseconds from the call to its end, time in the queue included. Default: the manager's `timeout`. */
  timeout?: number;
  /** Takes the call back: out of the queue at once; a running call is told through its context. */
  signal?: AbortSignal;
}

/** Calls a method of a registered service: name, method and arguments are checked against the service's type. */
export type CallService<Services> = <N extends keyof Services & string, M extends ServiceMethod<Services[N]>>(
  name: N,
  options: CallOptions<M>,
  ...args: MethodArguments<Services[N], M>
) => Promise<MethodResult<Services[N], M>>;

/** What a running call knows about itself. */
export interface CallContext {
  readonly requestId: number;
  /** True when the caller can take the call back (it gave a signal or a timeout). */
  readonly cancellable: boolean;
  /**
   * Aborted when the caller's signal fires or the call times out. It is the caller's own when there is no timeout, else made on
   * first use.
   */
  readonly signal: AbortSignal;
}

/**
 * A service with a method of this name gets every call through it, with the context, and can hand the signal on. Services
 * without it are called directly.
 */
export const callInContext: unique symbol = Symbol.for('sagedb.service.callInContext');

/** A service that wants the context of its calls. */
export interface ContextAwareService {
  [callInContext](method: string, args: readonly unknown[], context: CallContext): unknown;
}

/** What a factory may use. */
export interface ServiceFactoryContext<Services> {
  /**
   * Calls another service on behalf of the call that is being served. Such a call takes no slot of its own, so services
   * that call each other cannot wait for each other's slots.
   */
  callService: CallService<Services>;
  readonly name: string;
}

/** Makes a service when it is first called. */
export type ServiceFactory<S, Services = RegisteredServices> = (
  context: ServiceFactoryContext<Services>,
) => S | Promise<S>;
