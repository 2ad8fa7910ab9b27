import type { LatencySummary } from '../service/latency.js';
import type { ServiceManagerMetrics } from '../service/service-manager.js';
import type { Stats } from '../types.js';

/** Labels put on every sample, as in `{ database: 'articles' }`. */
export type MetricLabels = Readonly<Record<string, string>>;

interface Sample {
  labels?: MetricLabels;
  /** Appended to the metric's name, as in `_sum`. */
  suffix?: string;
  value: number;
}

interface Metric {
  name: string;
  type: 'gauge' | 'counter' | 'summary';
  help: string;
  samples: Sample[];
}

/** The text format that Prometheus scrapes: https://prometheus.io/docs/instrumenting/exposition_formats/ */
function toText(metrics: Metric[], common: MetricLabels): string {
  const lines = metrics.flatMap(({ name, type, help, samples }) => [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(
      ({ labels, suffix = '', value }) => `${name}${suffix}${labelText({ ...common, ...labels })} ${value}`,
    ),
  ]);
  return `${lines.join('\n')}\n`;
}

function labelText(labels: MetricLabels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}

function one(name: string, type: 'gauge' | 'counter', help: string, value: number): Metric {
  return { name, type, help, samples: [{ value }] };
}

/** A latency summary in seconds, the base unit that Prometheus asks for. */
function summarySamples(latency: LatencySummary, labels: MetricLabels): Sample[] {
  const quantiles = [
    ['0.5', latency.p50],
    ['0.95', latency.p95],
    ['0.99', latency.p99],
  ] as const;
  return [
    ...quantiles.map(([quantile, value]) => ({ labels: { ...labels, quantile }, value: value / 1e6 })),
    { labels, suffix: '_sum', value: (latency.mean * latency.count) / 1e6 },
    { labels, suffix: '_count', value: latency.count },
  ];
}

/** `stats()` of a database as Prometheus text. */
export function databaseMetrics(stats: Stats, labels: MetricLabels = {}): string {
  const operations = {
    search: stats.totalSearches,
    add: stats.totalAdds,
    update: stats.totalUpdates,
    remove: stats.totalRemoves,
  };
  const { total: _total, ...memory } = stats.memory;
  return toText(
    [
      one('sagedb_items', 'gauge', 'Live items.', stats.size),
      one('sagedb_index_version', 'gauge', 'Version of the published index.', stats.indexVersion),
      one('sagedb_sequence', 'counter', 'Acknowledged mutations.', stats.sequence),
      {
        name: 'sagedb_operations_total',
        type: 'counter',
        help: 'Operations since open.',
        samples: Object.entries(operations).map(([operation, value]) => ({ labels: { operation }, value })),
      },
      one(
        'sagedb_search_seconds_mean',
        'gauge',
        'Mean engine time of a search.',
        stats.averageSearchMicroseconds / 1e6,
      ),
      one('sagedb_index_builds_total', 'counter', 'Index builds published since open.', stats.indexRebuilds),
      one('sagedb_compactions_total', 'counter', 'Compactions since open.', stats.compactions),
      one('sagedb_indexed_rows', 'gauge', 'Rows in the index.', stats.indexedRows),
      one('sagedb_fresh_rows', 'gauge', 'Rows that searches scan because no index has them yet.', stats.freshRows),
      one('sagedb_deleted_rows', 'gauge', 'Tombstones that no compaction has reclaimed yet.', stats.deletedRows),
      one('sagedb_build_running', 'gauge', '1 while an index build runs.', stats.build.running ? 1 : 0),
      one('sagedb_build_last_seconds', 'gauge', 'Duration of the last index build.', stats.build.lastSeconds),
      one('sagedb_durable_sequence', 'gauge', 'Mutations that survive a loss of power.', stats.storage.durableSequence),
      one('sagedb_log_bytes', 'gauge', 'Log since the last checkpoint.', stats.storage.logBytes),
      one('sagedb_segment_bytes', 'gauge', 'Files of the last checkpoint.', stats.storage.segmentBytes),
      one('sagedb_checkpoints_total', 'counter', 'Checkpoints since open.', stats.storage.checkpoints),
      {
        name: 'sagedb_memory_bytes',
        type: 'gauge',
        help: 'Native memory by use.',
        samples: Object.entries(memory).map(([use, value]) => ({ labels: { use }, value })),
      },
    ],
    labels,
  );
}

/** `metrics()` of a service manager as Prometheus text. */
export function serviceMetrics(metrics: ServiceManagerMetrics, labels: MetricLabels = {}): string {
  const services = Object.entries(metrics.services);
  const counts = services.flatMap(([service, { calls, failures, timeouts, aborts }]) =>
    Object.entries({ calls, failures, timeouts, aborts }).map(([outcome, value]) => ({
      labels: { service, outcome },
      value,
    })),
  );
  return toText(
    [
      one('sagedb_service_concurrency', 'gauge', 'Calls that may run at the same time.', metrics.concurrency),
      one('sagedb_service_running', 'gauge', 'Calls that run.', metrics.running),
      one('sagedb_service_queued', 'gauge', 'Calls that wait.', metrics.queued),
      { name: 'sagedb_service_calls_total', type: 'counter', help: 'Calls by service and outcome.', samples: counts },
      {
        name: 'sagedb_service_call_seconds',
        type: 'summary',
        help: 'Time from the start of a call to its end.',
        samples: services.flatMap(([service, { latency }]) => summarySamples(latency, { service })),
      },
      {
        name: 'sagedb_service_wait_seconds',
        type: 'summary',
        help: 'Time that calls waited for a slot.',
        samples: summarySamples(metrics.queueWait, {}),
      },
    ],
    labels,
  );
}

/** Requests of a server, by route and status, as Prometheus text. */
export function requestMetrics(
  requests: Iterable<{ route: string; status: number; count: number }>,
  latencies: Iterable<{ route: string; latency: LatencySummary }>,
  labels: MetricLabels = {},
): string {
  return toText(
    [
      {
        name: 'sagedb_http_requests_total',
        type: 'counter',
        help: 'Answered requests.',
        samples: Array.from(requests, ({ route, status, count }) => ({
          labels: { route, status: `${status}` },
          value: count,
        })),
      },
      {
        name: 'sagedb_http_request_seconds',
        type: 'summary',
        help: 'Time from the first byte of a request to its answer.',
        samples: Array.from(latencies).flatMap(({ route, latency }) => summarySamples(latency, { route })),
      },
    ],
    labels,
  );
}
