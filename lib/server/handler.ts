import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ExplainedRows } from '../detailed-search.js';
import { SageDBError } from '../errors.js';
import type { LongOptions } from '../types.js';
import { itemParts, joinVectors, progressParts } from './answer-stream.js';
import { STREAM_TYPE } from './frame-stream.js';
import type { RequestBody, Route } from './routes.js';
import type { ServedDatabase } from './served-database.js';
import { BINARY_TYPE, encodeFrame } from './wire.js';

/** What one request needs of the server. */
export interface RequestScope {
  route: Route;
  database: ServedDatabase;
  timeoutMs: number | undefined;
  /** For the client to take the answer. */
  sendTimeoutMs: number;
  /** For the client of an iterator to take its next page. */
  streamTimeoutMs: number;
  /** Aborted when a shutdown stops waiting. */
  shutdown: AbortSignal;
}

/** Runs the database operation of one request, as long as its client waits for it. */
export async function runRequest(request: FastifyRequest, reply: FastifyReply, scope: RequestScope): Promise<unknown> {
  const { route, database, timeoutMs, sendTimeoutMs, streamTimeoutMs, shutdown } = scope;
  const body = withVectors(request, route, database.dimension);
  const given = new AbortController();
  const gone = () => given.abort(new SageDBError('ABORTED', 'the client went away'));
  const stop = () => given.abort(new SageDBError('UNAVAILABLE', 'the server is shutting down'));
  const late = () => given.abort(new SageDBError('TIMEOUT', `${route.name}: not done within ${timeoutMs} ms`));
  const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
  request.raw.socket.once('close', gone);
  shutdown.addEventListener('abort', stop, { once: true });
  try {
    const { signal } = given;
    if (route.stream !== undefined) {
      const items = route.stream(database, body);
      // The first step checks the arguments, so that they are refused with a status.
      const first = await untilAborted(items.next(), signal).catch((error: unknown) => {
        // Once that step is done, if it still is under way: lets go of the snapshot, and nobody is left to tell of a failure.
        items.return().catch(() => {});
        throw error;
      });
      const parts = itemParts(items, first);
      request.raw.socket.setTimeout(streamTimeoutMs);
      return await sendParts(reply, parts);
    }
    if (route.progress && request.headers.accept === STREAM_TYPE) {
      const run = (onProgress: LongOptions['onProgress']) =>
        untilAborted(route.run(database, body, { signal, onProgress: onProgress as never }), signal);
      return await sendParts(reply, progressParts(run));
    }
    const result = await untilAborted(route.run(database, body, { signal }), signal);
    // A client that does not read its answer is cut off; Node resets this with the connection's next request.
    request.raw.socket.setTimeout(sendTimeoutMs);
    return answer(request, reply, result ?? null);
  } finally {
    clearTimeout(timer);
    request.raw.socket.off('close', gone);
    shutdown.removeEventListener('abort', stop);
  }
}

/** Settles when the client has everything or went away, so that the request counts as in flight until then. */
async function sendParts(reply: FastifyReply, parts: AsyncGenerator<Buffer>): Promise<FastifyReply> {
  reply.type(STREAM_TYPE).send(Readable.from(parts, { objectMode: false, highWaterMark: 1 }));
  await new Promise<void>((resolve) => {
    reply.then(resolve, () => resolve());
  });
  return reply;
}

/** Operations that cannot be taken back are left alone when nobody waits for them any more. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work.then(resolve, (error: unknown) => reject(signal.aborted ? signal.reason : error));
  });
}

/** The body with its vectors, from wherever they came. */
function withVectors(request: FastifyRequest, route: Route, dimension: number): RequestBody {
  const body = (request.body ?? {}) as RequestBody;
  const { floats } = request as { floats?: Float32Array };
  const { vectors: field } = route;
  if (floats !== undefined && floats.length > 0) {
    if (field === undefined) throw new SageDBError('INVALID_ARGUMENT', `${route.name}: expected no vectors`);
    if (body[field] !== undefined)
      throw new SageDBError('INVALID_ARGUMENT', `${field}: given in the head and as floats`);
    const expected = field === 'vector' ? floats.length === dimension : floats.length % dimension === 0;
    if (!expected) {
      const wanted = field === 'vector' ? dimension : `n × ${dimension}`;
      throw new SageDBError('DIMENSION_MISMATCH', `${field}: expected ${wanted} floats, got ${floats.length}`);
    }
    return { ...body, [field]: floats };
  }
  if (field !== undefined && route.required.includes(field) && body[field] === undefined) {
    // No rows is a batch of none; a vector has to be there.
    if (field === 'vectors' && floats !== undefined) return { ...body, vectors: [] };
    throw new SageDBError('INVALID_ARGUMENT', `${field}: expected, but missing`);
  }
  return body;
}

function answer(request: FastifyRequest, reply: FastifyReply, result: unknown): unknown {
  const binary = request.headers.accept?.includes(BINARY_TYPE) === true;
  const vectors: Float32Array[] = [];
  const withoutVectors = (_key: string, value: unknown) => {
    if (!(value instanceof Float32Array)) return value;
    if (!binary) return Array.from(value);
    vectors.push(value);
    return true;
  };
  const hasVectors = (request.body as RequestBody | undefined)?.includeVector === true;
  // A property of the hits in process; JSON would drop it.
  const { explain } = (result ?? {}) as ExplainedRows;
  const text = JSON.stringify({ result, explain }, hasVectors ? withoutVectors : undefined);
  if (!binary) return reply.type('application/json; charset=utf-8').send(text);
  return reply.type(BINARY_TYPE).send(Buffer.concat(encodeFrame(text, joinVectors(vectors))));
}
