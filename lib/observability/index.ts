export {
  DURABLE_CHANNEL,
  type DurableEvent,
  type OperationEvent,
  type OperationKind,
  PUBLISH_CHANNEL,
  type PublishEvent,
  TRACING_CHANNELS,
} from './channels.js';
export { type TraceOptions, traceWithOpenTelemetry } from './open-telemetry.js';
export { databaseMetrics, type MetricLabels, serviceMetrics } from './prometheus.js';
