// Property: the OpenAPI document says what the server does, and the metrics are what Prometheus reads.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SageDB } from '../../lib/index.js';
import { databaseMetrics, serviceMetrics } from '../../lib/observability/index.js';
import { createServer, type SageDBServer } from '../../lib/server/index.js';
import { ServiceManager } from '../../lib/service/index.js';

interface Document {
  openapi: string;
  paths: Record<
    string,
    Record<string, { operationId: string; requestBody?: { content: Record<string, { schema: Schema }> } }>
  >;
}
interface Schema {
  properties: Record<string, { type?: string; anyOf?: unknown }>;
  required: string[];
  additionalProperties: boolean;
}

let database: SageDB;
let server: SageDBServer;
let document: Document;

beforeAll(async () => {
  database = await SageDB.open({ dimension: 2, textFields: ['a'] });
  server = await createServer(database, { port: 0 });
  document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Document;
});
afterAll(async () => {
  await server.close();
  await database.close();
});

const EXAMPLES: Record<string, unknown> = {
  vector: [1, 0],
  vectors: [[1, 0]],
  metadata: {},
  id: 'x',
  ids: ['x'],
  filter: { a: 1 },
  k: 1,
  groupBy: 'a',
  groupSize: 1,
  diversity: 0.5,
  explain: true,
  candidates: 5,
  positive: ['x'],
  negative: [],
  neighbors: 2,
  pageSize: 1,
  recall: 0.9,
  radius: 0.1,
  exact: true,
  includeMetadata: true,
  includeVector: true,
  limit: 1,
  offset: 0,
  orderBy: 'a',
  select: ['a'],
  text: 'words',
  fusion: 'rrf',
  fields: ['a'],
  k1: 1,
  b: 0.5,
  highlight: true,
};

describe('OpenAPI', () => {
  it('names every route once, with ids of their own', () => {
    expect(document.openapi).toBe('3.1.0');
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map((entry) => entry.operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(
      expect.arrayContaining(['search', 'batchSearch', 'addBatch', 'removeWhere', 'stats', 'health', 'metrics']),
    );
  });

  it('every operation takes the body that its schema describes, and refuses one without what is required', async () => {
    let operations = 0;
    for (const [path, { post }] of Object.entries(document.paths)) {
      if (post === undefined) continue;
      operations++;
      const schema = post.requestBody!.content['application/json']!.schema;
      // Excludes recall.
      const { ef: _, ...properties } = schema.properties;
      const fields = Object.keys(properties).map((field) => {
        const list = field === 'metadata' && schema.properties[field]?.type === 'array';
        return [field, list ? [{}] : EXAMPLES[field]] as const;
      });
      expect(fields.every(([, value]) => value !== undefined)).toBe(true);
      const send = (body: unknown) =>
        fetch(server.url + path, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
      const answer = await send(Object.fromEntries(fields));
      // Examples that contradict the stored data are refused as such, never as malformed.
      expect([path, [200, 409].includes(answer.status)]).toEqual([path, true]);
      for (const missing of schema.required) {
        const rest = Object.fromEntries(fields.filter(([field]) => field !== missing));
        expect([path, missing, (await send(rest)).status]).toEqual([path, missing, 400]);
      }
      expect((await send({ ...Object.fromEntries(fields), more: 1 })).status).toBe(400);
    }
    expect(operations).toBe(25);
  });
});

/** What Prometheus accepts, line by line; each name has HELP and TYPE before its samples. */
function readPrometheus(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const typed = new Set<string>();
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.split('\n').slice(0, -1)) {
    const type = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (?:gauge|counter|summary)$/.exec(line)?.[1];
    if (type !== undefined) {
      expect(typed.has(type)).toBe(false);
      typed.add(type);
    } else if (!line.startsWith('# HELP ')) {
      const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9.e+-]+)$/.exec(
        line,
      );
      expect([line, match !== null]).toEqual([line, true]);
      expect(typed.has(match![1]!.replace(/_(sum|count)$/, '')) || typed.has(match![1]!)).toBe(true);
      expect(samples.has(match![1]! + (match![2] ?? ''))).toBe(false);
      samples.set(match![1]! + (match![2] ?? ''), Number(match![3]));
    }
  }
  return samples;
}

describe('Prometheus', () => {
  it('the server counts its answers by route and status', async () => {
    await fetch(`${server.url}/v1/none`);
    const read = async () => readPrometheus(await (await fetch(`${server.url}/metrics`)).text());
    const before = await read();
    await fetch(`${server.url}/v1/count`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    const after = await read();
    const key = 'sagedb_http_requests_total{route="/v1/count",status="200"}';
    expect(after.get(key)).toBe((before.get(key) ?? 0) + 1);
    expect(after.get('sagedb_items')).toBe(database.size);
    expect(after.get('sagedb_http_requests_total{route="unknown",status="404"}')).toBeGreaterThan(0);
  });

  it('labels are escaped, latencies are in seconds', async () => {
    const text = databaseMetrics(database.stats(), { database: 'a "b"\\\n' });
    expect(readPrometheus(text).get('sagedb_items{database="a \\"b\\"\\\\\\n"}')).toBe(database.size);
    const manager = new ServiceManager().register('slow', () => ({
      wait: () => new Promise((resolve) => setTimeout(resolve, 30)),
    }));
    await manager.callService('slow', { method: 'wait' });
    const samples = readPrometheus(serviceMetrics(manager.metrics()));
    expect(samples.get('sagedb_service_calls_total{service="slow",outcome="calls"}')).toBe(1);
    const median = samples.get('sagedb_service_call_seconds{service="slow",quantile="0.5"}')!;
    expect(median).toBeGreaterThan(0.025);
    expect(median).toBeLessThan(30);
  });
});
