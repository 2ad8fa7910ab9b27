// queries → embed → vector search → rerank → sink, one by one and batched. The pipelines know a service named sage_db and
// nothing of what is behind it: run them over an engine in this process, a pool, or a server elsewhere.
//
//   npx tsx examples/search-pipeline.ts
//
// In a project of your own, import from 'sagedb/pipeline' and 'sagedb/service'.
import { BatchFunction, LocalEnvironment, MapFunction, SinkFunction, SourceFunction } from '../lib/pipeline/index.js';
import { SageDBService, type ServiceHit, type VectorService } from '../lib/service/index.js';
import { DIMENSION, EmbeddingService, embed } from './embedder.js';

export type Article = { title: string; words: number };
type Services = { sage_db: VectorService<Article>; embedder: EmbeddingService };

interface Embedded {
  query: string;
  vector: Float32Array;
}
interface Found {
  query: string;
  hits: ServiceHit<Article>[];
}
export interface Answer {
  query: string;
  titles: string[];
}

class Queries extends SourceFunction<string[], string> {
  *execute(queries: string[]): Generator<string> {
    yield* queries;
  }
}

class Embed extends MapFunction<string, Embedded, Services> {
  async execute(query: string): Promise<Embedded> {
    return { query, vector: await this.callService('embedder', { method: 'embed' }, query) };
  }
}

class Search extends MapFunction<Embedded, Found, Services> {
  async execute({ query, vector }: Embedded): Promise<Found> {
    return { query, hits: await this.callService('sage_db', { method: 'search', timeout: 30_000 }, vector, { k: 8 }) };
  }
}

class EmbedBatch extends BatchFunction<string, Embedded, Services> {
  async execute(queries: string[]): Promise<Embedded[]> {
    const vectors = await this.callService('embedder', { method: 'embedBatch' }, queries);
    return queries.map((query, i) => ({ query, vector: vectors[i]! }));
  }
}

class SearchBatch extends BatchFunction<Embedded, Found, Services> {
  async execute(batch: Embedded[]): Promise<Found[]> {
    const vectors = batch.map(({ vector }) => vector);
    const hits = await this.callService('sage_db', { method: 'batchSearch', timeout: 30_000 }, vectors, { k: 8 });
    return batch.map(({ query }, i) => ({ query, hits: hits[i]! }));
  }
}

/** Near first, and of equally near ones the short: scores are rounded, so that all back ends agree on «equally». */
class Rerank extends MapFunction<Found, Answer> {
  execute({ query, hits }: Found): Answer {
    const rank = ({ score, metadata }: ServiceHit<Article>) => Math.round(score * 100) - metadata.words / 1000;
    const best = hits.toSorted((a, b) => rank(b) - rank(a) || (a.metadata.title < b.metadata.title ? -1 : 1));
    return { query, titles: best.slice(0, 3).map((hit) => hit.metadata.title) };
  }
}

class Collect extends SinkFunction<Answer> {
  readonly answers: Answer[] = [];

  execute(answer: Answer): void {
    this.answers.push(answer);
  }
}

/** Runs the pipeline over any service that has vectors. */
export async function answerQueries(
  database: () => VectorService<Article>,
  queries: string[],
  mode: 'one by one' | 'batched',
): Promise<Answer[]> {
  const env = new LocalEnvironment('search')
    .registerService('embedder', () => new EmbeddingService())
    .registerService('sage_db', database);
  const sink = new Collect();
  const source = env.fromBatch(Queries, queries);
  const found =
    mode === 'one by one'
      ? source.map(Embed).map(Search, { concurrency: 10 })
      : source.batch(EmbedBatch, { batchSize: 100 }).batch(SearchBatch, { batchSize: 100 });
  found.map(Rerank).sink(sink);
  await env.submit({ autostop: true }).done;
  return sink.answers;
}

export const ARTICLES = [
  'Vector search in one process',
  'Searching graphs of vectors',
  'How a write-ahead log works',
  'Logs, syncs and power loss',
  'Pipelines with back-pressure',
  'Streams and back-pressure in Node',
];

export async function fill(database: VectorService<Article>): Promise<void> {
  const metadata = ARTICLES.map((title) => ({ title, words: title.split(' ').length }));
  await database.upsertBatch(ARTICLES.map(embed), metadata, { ids: ARTICLES.map((_, i) => `article-${i}`) });
}

if (process.argv[1] === import.meta.filename) {
  const service = new SageDBService<Article>({ dimension: DIMENSION });
  await fill(service);
  for (const { query, titles } of await answerQueries(() => service, ['vector graphs', 'power loss'], 'batched')) {
    console.log(`${query}: ${titles.join(' | ')}`);
  }
}
