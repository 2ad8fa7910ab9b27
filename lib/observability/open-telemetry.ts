import { tracingChannel } from 'node:diagnostics_channel';
import type { Span } from '@opentelemetry/api';
import { type OperationEvent, type OperationKind, TRACING_CHANNELS } from './channels.js';

export interface TraceOptions {
  /** Kinds of operations to make spans of. Default: all. */
  kinds?: readonly OperationKind[];
}

/**
 * Makes a span of every operation of every database in this process, as a child of the caller's active span. Gives a function
 * that ends it, or undefined when the application has no `@opentelemetry/api`.
 */
export async function traceWithOpenTelemetry(options: TraceOptions = {}): Promise<(() => void) | undefined> {
  const api = await import('@opentelemetry/api').catch((error: { code?: string }) => {
    if (error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  });
  if (api === undefined) return undefined;
  const tracer = api.trace.getTracer('sagedb');
  const spans = new WeakMap<object, Span>();
  const endings = (options.kinds ?? (Object.keys(TRACING_CHANNELS) as OperationKind[])).map((kind) => {
    const channel = tracingChannel<unknown, OperationEvent>(TRACING_CHANNELS[kind]);
    const subscribers = {
      start(event: OperationEvent) {
        const { operation, database } = event;
        const attributes = {
          'db.system.name': 'sagedb',
          'db.operation.name': operation,
          'sagedb.dimension': database.dimension,
          'sagedb.metric': database.metric,
        };
        spans.set(event, tracer.startSpan(`sagedb ${operation}`, { kind: api.SpanKind.CLIENT, attributes }));
      },
      end() {},
      asyncStart() {},
      error(event: OperationEvent) {
        const span = spans.get(event);
        const error = event.error instanceof Error ? event.error : new Error(String(event.error));
        span?.recordException(error);
        span?.setStatus({ code: api.SpanStatusCode.ERROR, message: error.message });
      },
      asyncEnd(event: OperationEvent) {
        const { result } = event;
        const span = spans.get(event);
        if (Array.isArray(result)) span?.setAttribute('db.response.returned_rows', result.length);
        span?.end();
      },
    };
    channel.subscribe(subscribers);
    return () => channel.unsubscribe(subscribers);
  });
  return () => {
    for (const end of endings) end();
  };
}
