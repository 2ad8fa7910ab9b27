import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import type { CallContext } from './service.js';
import { ServiceError, type ServiceErrorCode } from './service-error.js';

const allowed = new WeakSet<AbortSignal>();

/** One signal for many calls is the common case, not a leak: each call removes its listener when it ends. */
function allowManyListeners(signal: AbortSignal): void {
  if (allowed.has(signal)) return;
  allowed.add(signal);
  setMaxListeners(0, signal);
}

/** What the pending map shows of a call that has not ended. */
export interface PendingCallInfo {
  requestId: number;
  service: string;
  method: string;
  /** `abandoned`: the caller has its error already, the service still works. */
  state: 'queued' | 'running' | 'abandoned';
  ageMs: number;
}

export interface CallRequest {
  service: string;
  method: string;
  args: readonly unknown[];
  timeout: number | undefined;
  signal: AbortSignal | undefined;
  /** Made by a service on behalf of a call that has a slot already. */
  nested: boolean;
}

/**
 * One request on its way. It is settled once for its caller (result, error, timeout or abort); the slot it runs in is another
 * matter, see `CallQueue`.
 */
export class PendingCall implements CallContext {
  readonly requestId: number;
  readonly service: string;
  readonly method: string;
  readonly promise: Promise<unknown>;
  readonly nested: boolean;
  readonly queuedAt = performance.now();
  args: readonly unknown[];
  running = false;
  settled = false;
  startedAt = 0;
  #resolve!: (value: unknown) => void;
  #reject!: (error: ServiceError) => void;
  readonly #timeout: number | undefined;
  readonly #callerSignal: AbortSignal | undefined;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #onCallerAbort: (() => void) | undefined;

  constructor(requestId: number, request: CallRequest) {
    this.requestId = requestId;
    this.service = request.service;
    this.method = request.method;
    this.args = request.args;
    this.nested = request.nested;
    this.#timeout = request.timeout;
    this.#callerSignal = request.signal;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get cancellable(): boolean {
    return this.#timeout !== undefined || this.#callerSignal !== undefined;
  }

  get signal(): AbortSignal {
    // A signal of our own costs a few microseconds: without a timeout the caller's says the same.
    if (this.#callerSignal !== undefined && this.#timeout === undefined) return this.#callerSignal;
    this.#controller ??= new AbortController();
    if (this.settled) this.#controller.abort();
    return this.#controller.signal;
  }

  /** Arms the timeout and the caller's signal; `giveUp` runs when either fires first. */
  watch(giveUp: (error: ServiceError) => void): void {
    const timeout = this.#timeout;
    const signal = this.#callerSignal;
    if (timeout !== undefined) {
      this.#timer = setTimeout(() => {
        const where = this.running ? 'running' : 'in the queue';
        giveUp(this.error('TIMEOUT', `no answer within ${timeout} ms (${where})`));
      }, timeout);
    }
    if (signal !== undefined) {
      this.#onCallerAbort = () => giveUp(this.error('ABORTED', 'the call was aborted', signal.reason));
      allowManyListeners(signal);
      signal.addEventListener('abort', this.#onCallerAbort, { once: true });
    }
  }

  succeed(value: unknown): void {
    if (this.#settle()) this.#resolve(value);
  }

  /** Settles with an error; a running service is told through the context's signal. */
  fail(error: ServiceError): void {
    if (!this.#settle()) return;
    if (this.running) this.#controller?.abort(error);
    this.args = [];
    this.#reject(error);
  }

  error(code: ServiceErrorCode, message: string, ...cause: [cause?: unknown]): ServiceError {
    return new ServiceError(code, `${this.service}.${this.method}: ${message}`, {
      service: this.service,
      method: this.method,
      requestId: this.requestId,
      ...(cause.length > 0 ? { cause: cause[0] } : {}),
    });
  }

  info(now: number): PendingCallInfo {
    const state = this.settled ? 'abandoned' : this.running ? 'running' : 'queued';
    const { requestId, service, method } = this;
    return { requestId, service, method, state, ageMs: now - this.queuedAt };
  }

  #settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    clearTimeout(this.#timer);
    if (this.#onCallerAbort !== undefined) this.#callerSignal?.removeEventListener('abort', this.#onCallerAbort);
    return true;
  }
}
