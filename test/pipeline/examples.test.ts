// Property: the examples do what their comments say.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { DIMENSION, embed } from '../../examples/embedder.js';
import { ingest } from '../../examples/ingest-pipeline.js';
import { makePool, serve } from '../../examples/worker-thread-server.js';
import { SageDB } from '../../lib/index.js';
import { SageDBService } from '../../lib/service/index.js';
import { typescriptThreads } from '../support/worker-options.js';

it('ingest: writes every good line once, in batches, and collects the bad ones', async () => {
  await using database = await SageDB.open<{ title: string }>({ dimension: DIMENSION });
  async function* lines() {
    for (let i = 0; i < 2300; i++) {
      if (i === 700) yield 'no JSON';
      if (i === 1900) yield '{"id":{},"title":"an object is no id"}';
      yield JSON.stringify({ id: `a${i}`, title: `article number ${i}` });
      if (i % 100 === 0) yield '';
    }
  }
  const { stats, rejected } = await ingest(lines(), () => new SageDBService({ database }));
  expect(database.size).toBe(2300);
  expect(await database.get('a2299')).toEqual({ id: 'a2299', metadata: { title: 'article number 2299' } });
  expect(stats).toMatchObject({ sunk: 2300, failed: 2 });
  expect(rejected.map(({ stage }) => stage)).toEqual(['parse', 'write']);
  expect(rejected[1]).toMatchObject({ attempts: 3, error: { cause: { code: 'INVALID_ID' } } });
});

it('worker-thread server: answers over HTTP from threads attached to one engine', async () => {
  const pool = makePool(2, typescriptThreads);
  await pool.addBatch(['red apples', 'green pears'].map(embed), [{ title: 'apples' }, { title: 'pears' }]);
  const server = serve(pool).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = (queries: string[]) => fetch(url, { method: 'POST', body: JSON.stringify({ queries, k: 1 }) });
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => (await ask([i % 2 ? 'apples' : 'pears'])).json()),
  );
  for (const [i, hits] of answers.entries())
    expect(hits).toMatchObject([[{ metadata: { title: i % 2 ? 'apples' : 'pears' } }]]);
  // A row added in this thread is there for the next search of every thread.
  await pool.add(embed('blue plums'), { title: 'plums' });
  expect(await (await ask(['plums'])).json()).toMatchObject([[{ metadata: { title: 'plums' } }]]);
  expect((await fetch(url, { method: 'POST', body: 'no JSON' })).status).toBe(400);
  server.close();
  server.closeAllConnections();
  await pool.stop();
});
