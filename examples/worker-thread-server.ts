// A server whose main thread moves bytes only: parsing, embedding, searching and writing JSON happen in worker threads that are
// attached to one engine. One copy of the data, one event loop per core.
//
//   npx tsup examples/worker-thread-*.ts examples/embedder.ts && node dist/worker-thread-server.js   (threads run JavaScript)
import { createServer, type Server } from 'node:http';
import { availableParallelism } from 'node:os';
import { SageDBServicePool, type SageDBServicePoolOptions } from '../lib/service/index.js';
import { DIMENSION, embed } from './embedder.js';

type Tasks = typeof import('./worker-thread-tasks.js');
type Article = { title: string };

const MAX_BODY = 2 ** 20;

export function makePool(
  threads: number,
  worker: SageDBServicePoolOptions['worker'] = {},
): SageDBServicePool<Article, Tasks> {
  const tasks = new URL('./worker-thread-tasks.js', import.meta.url);
  return new SageDBServicePool<Article, Tasks>(DIMENSION, threads, { tasks, worker });
}

export function serve(pool: SageDBServicePool<Article, Tasks>): Server {
  return createServer(async (request, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of request as AsyncIterable<Buffer>) {
        length += chunk.length;
        if (length > MAX_BODY) throw new RangeError(`more than ${MAX_BODY} bytes`);
        chunks.push(chunk);
      }
      const answer = await pool.run('answer', Buffer.concat(chunks), { signal: gone.signal });
      response.setHeader('content-type', 'application/json').end(answer);
    } catch (error) {
      response.writeHead(400).end(`${(error as Error).message}\n`);
    }
  });
}

if (process.argv[1] === import.meta.filename) {
  const pool = makePool(availableParallelism());
  const titles = ['Vector search in one process', 'How a write-ahead log works', 'Streams and back-pressure in Node'];
  await pool.addBatch(
    titles.map(embed),
    titles.map((title) => ({ title })),
  );
  serve(pool).listen(7701, '127.0.0.1', () => {
    console.log(`curl -d '{"queries":["vector search"],"k":2}' http://127.0.0.1:7701`);
  });
}
