import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Latencies in microseconds. */
export interface LatencySummary {
  count: number;
  mean: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

const HIGHEST_NS = 3_600_000_000_000;

/**
 * Latencies of one kind of call: Node's HDR histogram over nanoseconds up to one hour, two significant digits, 35 KB. It is
 * allocated with the first record.
 */
export class LatencyRecorder {
  #histogram: RecordableHistogram | undefined;

  /** Records a duration in milliseconds, as differences of `performance.now()` are. */
  record(milliseconds: number): void {
    this.#histogram ??= createHistogram({ lowest: 1, highest: HIGHEST_NS, figures: 2 });
    this.#histogram.record(Math.min(HIGHEST_NS, Math.max(1, Math.round(milliseconds * 1e6))));
  }

  summary(): LatencySummary {
    const histogram = this.#histogram;
    if (histogram === undefined) return { count: 0, mean: 0, p50: 0, p95: 0, p99: 0, max: 0 };
    return {
      count: histogram.count,
      mean: histogram.mean / 1000,
      p50: histogram.percentile(50) / 1000,
      p95: histogram.percentile(95) / 1000,
      p99: histogram.percentile(99) / 1000,
      max: histogram.max / 1000,
    };
  }
}
