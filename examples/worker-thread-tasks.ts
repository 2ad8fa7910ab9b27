// Runs in the threads of the pool of worker-thread-server.ts, attached to its engine.
import type { TaskContext } from '../lib/service/index.js';
import { embed } from './embedder.js';

/** A request body in, a response body out: parsing, embedding and writing JSON happen in this thread. */
export async function answer(
  body: Uint8Array,
  { database, signal }: TaskContext<{ title: string }>,
): Promise<Uint8Array> {
  const { queries, k } = JSON.parse(Buffer.from(body).toString()) as { queries: string[]; k: number };
  const hits = await database.batchSearch(queries.map(embed), { k, signal });
  return Buffer.from(JSON.stringify(hits));
}
