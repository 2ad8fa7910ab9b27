// Tasks for the tests of the pool.
import { threadId } from 'node:worker_threads';
import type { TaskContext } from '../../lib/service/index.js';

export async function whoAndHowMany(_input: null, { database }: TaskContext): Promise<[thread: number, size: number]> {
  return [threadId, database.size];
}

export function fail(message: string): never {
  throw Object.assign(new RangeError(message), { code: 'OWN_CODE' });
}

export function uncloneable(_input: null): () => void {
  return () => {};
}

export function die(code: number): never {
  process.exit(code);
}

export function untilAborted(_input: null, { signal }: TaskContext): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('told'))));
}

/** Holds its thread, as an embedding model would. */
export function spin(milliseconds: number): number {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
  return threadId;
}
