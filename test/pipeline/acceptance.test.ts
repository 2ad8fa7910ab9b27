// The design's headline claim, «the service code does not change»: one unchanged pipeline program gives equal answers over the
// sequential baseline, the engine, a pool and a remote server; ten calls overlap and the eleventh waits.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DIMENSION } from '../../examples/embedder.js';
import { type Answer, ARTICLES, type Article, answerQueries, fill } from '../../examples/search-pipeline.js';
import { SageDB } from '../../lib/index.js';
import { LocalEnvironment } from '../../lib/pipeline/index.js';
import { createServer, type SageDBServer } from '../../lib/server/index.js';
import { SageDBService, SageDBServicePool, type VectorService } from '../../lib/service/index.js';
import { SequentialDatabase } from '../support/sequential-database.js';
import { until } from '../support/until.js';
import { typescriptThreads } from '../support/worker-options.js';

const worker = typescriptThreads;
const queries = Array.from({ length: 250 }, (_, i) => `${ARTICLES[i % ARTICLES.length]} ${i % 7} vectors logs streams`);

let served: SageDB<Article>;
let server: SageDBServer;

beforeAll(async () => {
  served = await SageDB.open<Article>({ dimension: DIMENSION });
  server = await createServer(served, { port: 0 });
});

afterAll(async () => {
  await server.close();
  await served.close();
});

const backends: [name: string, make: () => VectorService<Article>][] = [
  [
    'the sequential baseline',
    () => new SageDBService<Article>({ database: new SequentialDatabase<Article>({ dimension: DIMENSION }) }),
  ],
  ['the engine', () => new SageDBService<Article>({ dimension: DIMENSION })],
  ['a pool', () => new SageDBServicePool<Article>(DIMENSION, 2)],
  [
    'a pool that searches in its threads',
    () => new SageDBServicePool<Article>(DIMENSION, 2, { dispatch: 'workers', worker }),
  ],
  ['a server', () => new SageDBService<Article>({ database: () => SageDB.connect<Article>(server.url) })],
];

describe('one program', () => {
  let expected: Answer[] | undefined;

  it.each(backends)('answers the same over %s, one by one and batched', async (_name, make) => {
    for (const mode of ['one by one', 'batched'] as const) {
      const service = make();
      await fill(service);
      const answers = await answerQueries(() => service, queries, mode);
      expect(answers.map((answer) => answer.query)).toEqual(queries);
      expected ??= answers;
      expect(answers).toEqual(expected);
    }
    expect(new Set(expected?.map((answer) => answer.titles[0])).size).toBeGreaterThan(3);
  });
});

describe('ten at a time', () => {
  it('ten calls overlap and the eleventh queues, in process and over a server', async () => {
    let open: () => void = () => undefined;
    let gate: Promise<void>;
    const slow = new SequentialDatabase<Article>({ dimension: DIMENSION, gate: () => gate });
    const slowServer = await createServer(slow, { port: 0 });
    for (const database of [slow, () => SageDB.connect<Article>(slowServer.url)]) {
      gate = new Promise((resolve) => {
        open = resolve;
      });
      slow.peakSearches = 0;
      const env = new LocalEnvironment('ten').registerService(
        'sage_db',
        () => new SageDBService<Article>({ database }),
      );
      const query = new Float32Array(DIMENSION).fill(1);
      const calls = Array.from({ length: 11 }, () => env.callService('sage_db', { method: 'search' }, query));
      await until(() => slow.peakSearches === 10);
      expect(env.services.metrics()).toMatchObject({ running: 10, queued: 1 });
      expect(env.services.pending().map((call) => call.state)).toEqual([
        ...Array<string>(10).fill('running'),
        'queued',
      ]);
      open();
      await Promise.all(calls);
      expect(slow.peakSearches).toBe(10);
      expect(env.services.metrics()).toMatchObject({ peakRunning: 10, calls: 11 });
      await env.close();
    }
    await slowServer.close();
  });
});
