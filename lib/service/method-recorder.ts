import { performance } from 'node:perf_hooks';
import { LatencyRecorder } from './latency.js';
import type { MethodStats } from './vector-service.js';

/** Counts and times the calls of a service, method by method. */
export class MethodRecorder {
  readonly #methods = new Map<string, { calls: number; failures: number; latency: LatencyRecorder }>();

  /** Runs the work of one call. Its result or error is the work's own. */
  async measure<T>(method: string, work: () => Promise<T>): Promise<T> {
    let entry = this.#methods.get(method);
    if (entry === undefined) {
      entry = { calls: 0, failures: 0, latency: new LatencyRecorder() };
      this.#methods.set(method, entry);
    }
    entry.calls++;
    const started = performance.now();
    try {
      return await work();
    } catch (error) {
      entry.failures++;
      throw error;
    } finally {
      entry.latency.record(performance.now() - started);
    }
  }

  stats(): Record<string, MethodStats> {
    const entries = Array.from(this.#methods, ([method, { calls, failures, latency }]) => {
      return [method, { calls, failures, latency: latency.summary() }] as const;
    });
    return Object.fromEntries(entries);
  }
}
