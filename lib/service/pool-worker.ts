// The program of a pool's worker thread: one event loop, attached to the engine of the thread that made the pool.
import { parentPort, workerData } from 'node:worker_threads';
import { SageDB } from '../sage-db.js';
import type { TextQuery, VectorInput, VectorsInput } from '../types.js';
import { type PoolReply, type PoolRequest, type PoolWorkerData, packError } from './pool-messages.js';
import type { TaskContext } from './sage-db-service-pool.js';

type Task = (input: unknown, context: TaskContext) => unknown;

const { handle, tasks } = workerData as PoolWorkerData;
const database = SageDB.attach(handle);
const running = new Map<number, AbortController>();
const loading = tasks === undefined ? undefined : (import(tasks) as Promise<Record<string, Task | undefined>>);
// An import that failed is reported to the calls that need it.
loading?.catch(() => undefined);
const port = parentPort!;

async function serve(request: Extract<PoolRequest, { call: number }>, signal: AbortSignal): Promise<unknown> {
  if (request.kind === 'task') {
    const task = (await loading)?.[request.task];
    if (typeof task !== 'function') throw new TypeError(`the tasks module exports no function ${request.task}`);
    return task(request.input, { database, signal });
  }
  if (request.kind === 'cancel') return undefined;
  const [query, options] = request.args;
  const withSignal = { ...(options as object | undefined), signal };
  return request.method === 'search'
    ? database.search(query as VectorInput | TextQuery, withSignal)
    : database.batchSearch(query as VectorsInput, withSignal);
}

async function answer(request: Extract<PoolRequest, { call: number }>): Promise<void> {
  const { call } = request;
  const controller = new AbortController();
  running.set(call, controller);
  let reply: PoolReply;
  try {
    reply = { call, value: await serve(request, controller.signal) };
  } catch (error) {
    reply = { call, error: packError(error) };
  }
  running.delete(call);
  try {
    port.postMessage(reply);
  } catch (error) {
    // A task may give what cannot be cloned.
    port.postMessage({ call, error: packError(error) } satisfies PoolReply);
  }
}

port.on('message', (request: PoolRequest) => {
  if (request.kind === 'stop') {
    port.close();
    void database.close();
  } else if (request.kind === 'cancel') {
    running.get(request.call)?.abort();
  } else {
    void answer(request);
  }
});
