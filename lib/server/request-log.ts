import { requestMetrics } from '../observability/prometheus.js';
import { LatencyRecorder } from '../service/latency.js';

/** Counts and times the answers of a server. Only known routes are kept apart, so that clients cannot make it grow. */
export class RequestLog {
  readonly #counts = new Map<string, { route: string; status: number; count: number }>();
  readonly #latencies = new Map<string, LatencyRecorder>();

  record(route: string, status: number, milliseconds: number): void {
    const key = `${route} ${status}`;
    const entry = this.#counts.get(key);
    if (entry === undefined) this.#counts.set(key, { route, status, count: 1 });
    else entry.count++;
    let latency = this.#latencies.get(route);
    if (latency === undefined) {
      latency = new LatencyRecorder();
      this.#latencies.set(route, latency);
    }
    latency.record(milliseconds);
  }

  text(): string {
    const latencies = Array.from(this.#latencies, ([route, latency]) => ({ route, latency: latency.summary() }));
    return requestMetrics(this.#counts.values(), latencies);
  }
}
