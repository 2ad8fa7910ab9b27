// Property: subscribers see every operation with its outcome, spans say the same, and both end when they are told.

import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trace } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SageDB } from '../../lib/index.js';
import {
  DURABLE_CHANNEL,
  type DurableEvent,
  type OperationEvent,
  PUBLISH_CHANNEL,
  type PublishEvent,
  TRACING_CHANNELS,
  traceWithOpenTelemetry,
} from '../../lib/observability/index.js';
import { until } from '../support/until.js';

let db: SageDB;

beforeEach(async () => {
  db = await SageDB.open({ dimension: 2, metric: 'l2', index: { type: 'hnsw' } });
});
afterEach(() => db.close());

it('diagnostics channels: start and outcome of every operation', async () => {
  const seen: string[] = [];
  const unsubscribes = Object.entries(TRACING_CHANNELS).map(([kind, name]) => {
    const channel = tracingChannel<unknown, OperationEvent>(name);
    const subscribers = {
      start: (event: OperationEvent) => void seen.push(`${kind} ${event.operation} starts`),
      end() {},
      asyncStart() {},
      asyncEnd(event: OperationEvent) {
        expect(event.database).toBe(db);
        const outcome = event.error === undefined ? 'ends' : `fails ${(event.error as { code: string }).code}`;
        seen.push(`${kind} ${event.operation} ${outcome}`);
      },
      error() {},
    };
    channel.subscribe(subscribers);
    return () => channel.unsubscribe(subscribers);
  });
  await db.add([1, 0]);
  await db.search([1, 0]);
  await db.batchSearchRaw([[1, 0]]);
  await db.search([1]).catch(() => undefined);
  await db.buildIndex();
  await db.flush();
  for (const unsubscribeAll of unsubscribes) unsubscribeAll();
  await db.remove(1);
  expect(seen).toEqual([
    'write add starts',
    'write add ends',
    'search search starts',
    'search search ends',
    'search batchSearch starts',
    'search batchSearch ends',
    'search search starts',
    'search search fails DIMENSION_MISMATCH',
    'build buildIndex starts',
    'build buildIndex ends',
    'sync flush starts',
    'sync flush ends',
  ]);
});

it('diagnostics channels: a published index is told', async () => {
  const events: PublishEvent[] = [];
  const listener = (event: unknown) => void events.push(event as PublishEvent);
  subscribe(PUBLISH_CHANNEL, listener);
  await db.addBatch(Float32Array.from({ length: 400 }, (_, i) => Math.sin(i)));
  await db.buildIndex();
  await until(() => events.some((event) => event.indexedRows === 200));
  expect(events.at(-1)).toMatchObject({ database: db, indexVersion: db.indexVersion });
  const count = events.length;
  unsubscribe(PUBLISH_CHANNEL, listener);
  await db.addBatch(Float32Array.from({ length: 400 }, (_, i) => Math.cos(i)));
  await db.buildIndex();
  expect(events.length).toBe(count);
});

it('diagnostics channels: a log sync is told', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sagedb-events-'));
  const events: DurableEvent[] = [];
  const listener = (event: unknown) => void events.push(event as DurableEvent);
  subscribe(DURABLE_CHANNEL, listener);
  try {
    await using stored = await SageDB.open({ path: join(folder, 'db'), dimension: 2 });
    await stored.add([1, 0]);
    await stored.add([0, 1]);
    await until(() => events.at(-1)?.durableSequence === stored.stats().sequence);
    expect(events.at(-1)).toMatchObject({ database: stored, logBytes: expect.any(Number) });
  } finally {
    unsubscribe(DURABLE_CHANNEL, listener);
    await rm(folder, { recursive: true, force: true });
  }
});

it('OpenTelemetry: a span with the outcome of every operation, until it is stopped', async () => {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  const stop = await traceWithOpenTelemetry({ kinds: ['search', 'write'] });
  expect(stop).toBeTypeOf('function');
  await db.addBatch([
    [1, 0],
    [0, 1],
  ]);
  await db.search([1, 0], { k: 2 });
  await db.search([1]).catch(() => undefined);
  await db.flush();
  stop!();
  await db.search([1, 0]);
  const spans = exporter.getFinishedSpans();
  expect(spans.map((span) => [span.name, span.status.code])).toEqual([
    ['sagedb addBatch', 0],
    ['sagedb search', 0],
    ['sagedb search', 2],
  ]);
  expect(spans[1]?.attributes).toMatchObject({
    'db.system.name': 'sagedb',
    'db.operation.name': 'search',
    'sagedb.dimension': 2,
    'db.response.returned_rows': 2,
  });
  expect(spans[2]?.events[0]).toMatchObject({ name: 'exception' });
});
