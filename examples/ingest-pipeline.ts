// lines → parse → embed → write in batches. Bad lines go to a dead-letter list instead of stopping the load; a batch that fails
// is tried again, then item by item; however long the input is, memory stays flat.
//
//   npx tsx examples/ingest-pipeline.ts < articles.jsonl
import { createInterface } from 'node:readline';
import { type Failure, type JobStats, LocalEnvironment } from '../lib/pipeline/index.js';
import { SageDBService, type VectorService } from '../lib/service/index.js';
import { DIMENSION, embed } from './embedder.js';

type Article = { title: string };

export async function ingest(
  lines: AsyncIterable<string> | Iterable<string>,
  database: () => VectorService<Article>,
): Promise<{ stats: JobStats; rejected: Failure[] }> {
  const rejected: Failure[] = [];
  const env = new LocalEnvironment('ingest').registerService('sage_db', database);
  env
    .fromBatch(lines)
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as { id: string; title: string }, { name: 'parse' })
    .map(({ id, title }) => ({ id, title, vector: embed(title) }), { name: 'embed' })
    .batch(
      (batch, { callService, signal }) =>
        callService(
          'sage_db',
          { method: 'upsertBatch', signal },
          batch.map((item) => item.vector),
          batch.map(({ title }) => ({ title })),
          { ids: batch.map((item) => item.id) },
        ),
      { name: 'write', batchSize: 500, maxWaitMs: 100, retry: { attempts: 3, delayMs: 50 }, isolate: true },
    )
    .sink(() => undefined);
  const job = env.submit({ autostop: true, deadLetter: (failure) => void rejected.push(failure) });
  return { stats: await job.done, rejected };
}

if (process.argv[1] === import.meta.filename) {
  const service = () => new SageDBService<Article>({ dimension: DIMENSION });
  const { stats, rejected } = await ingest(createInterface({ input: process.stdin }), service);
  console.log(`${stats.sunk} articles, ${Math.round(stats.itemsPerSecond)} per second, ${rejected.length} rejected`);
}
