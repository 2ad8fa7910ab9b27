import type { ExplainedRows } from '../detailed-search.js';
import { invalidArgument, SageDBError, type SageDBErrorCode } from '../errors.js';
import type { Progress, SearchExplanation } from '../types.js';
import { decodeParts, STREAM_TYPE } from './frame-stream.js';
import type { ClientRequest, HttpClient } from './http-client.js';
import { BINARY_TYPE, decodeFrame, encodeFrame, type Frame, NO_FLOATS } from './wire.js';

/** One operation for the server. */
export interface Call {
  name: string;
  head?: Record<string, unknown>;
  /** JSON texts that were made already, by field. */
  texts?: Record<string, string | undefined>;
  floats?: Float32Array;
  signal?: AbortSignal | undefined;
  /** Takes as long as it takes. */
  long?: boolean;
  onProgress?: ((progress: Progress) => void) | undefined;
  write?: boolean;
}

/** The head of a part of an answer. */
interface Part {
  items?: unknown[];
  progress?: Progress;
  result?: unknown;
  error?: { code: SageDBErrorCode; message: string };
}

/** Operations as requests, and answers as values. */
export class RemoteCalls {
  readonly dimension: number;
  readonly #client: HttpClient;

  constructor(client: HttpClient, dimension: number) {
    this.#client = client;
    this.dimension = dimension;
  }

  /** The result with its vectors in their places. */
  async run<T>(call: Call): Promise<T> {
    const { onProgress } = call;
    if (onProgress !== undefined) return this.#runInParts<T>(call, onProgress);
    const { result, floats } = await this.frame<T>(call);
    return withVectors(result, floats, this.dimension) as T;
  }

  /** Hits, with how they were found when the call asks for it. */
  async rows(call: Call): Promise<ExplainedRows> {
    const { result, floats, explain } = await this.frame<ExplainedRows>(call);
    const rows = withVectors(result, floats, this.dimension) as ExplainedRows;
    if (explain) rows.explain = explain;
    return rows;
  }

  /** The result beside its vectors. */
  async frame<T>(call: Call): Promise<{ result: T; floats: Float32Array; explain: SearchExplanation | undefined }> {
    const accept = call.head?.includeVector === true ? BINARY_TYPE : 'application/json';
    const response = await this.#client.send(requestOf(call, accept));
    try {
      const { head, floats } = response.type.startsWith(BINARY_TYPE)
        ? decodeFrame(response.body)
        : { head: JSON.parse(response.body.toString()) as unknown, floats: NO_FLOATS };
      const { result, explain } = head as { result: T; explain?: SearchExplanation };
      return { result, floats, explain };
    } catch (cause) {
      throw new SageDBError('UNAVAILABLE', 'the answer is not one of a SageDB server', { cause });
    }
  }

  /** Items page after page, read from the server as they are taken. */
  async *items<T>(call: Call): AsyncGenerator<T, void, undefined> {
    for await (const { head, floats } of this.#parts(call)) {
      const { items } = head as Part;
      if (items === undefined) return;
      yield* withVectors(items, floats, this.dimension) as T[];
    }
    throw cutOff();
  }

  async #runInParts<T>(call: Call, onProgress: (progress: Progress) => void): Promise<T> {
    for await (const { head } of this.#parts(call)) {
      const { progress, result } = head as Part;
      if (progress === undefined) return result as T;
      // What it throws ends the request, and with it the work.
      onProgress(progress);
    }
    throw cutOff();
  }

  async *#parts(call: Call): AsyncGenerator<Frame, void, undefined> {
    for await (const frame of decodeParts(this.#client.stream(requestOf(call, STREAM_TYPE)))) {
      const { error } = frame.head as Part;
      if (error !== undefined) throw new SageDBError(error.code, error.message);
      yield frame;
    }
  }
}

function cutOff(): SageDBError {
  return new SageDBError('UNAVAILABLE', 'the connection broke before the answer was complete');
}

function requestOf(call: Call, accept: string): ClientRequest {
  const head = headText(call.head ?? {}, call.texts ?? {});
  const binary = call.floats !== undefined;
  return {
    method: 'POST',
    path: `/v1/${call.name}`,
    type: binary ? BINARY_TYPE : 'application/json',
    accept,
    body: binary ? encodeFrame(head, call.floats!) : [Buffer.from(head)],
    signal: call.signal,
    ...(call.long === true ? { timeoutMs: 0 } : {}),
    repeatable: call.write !== true,
  };
}

function headText(head: Record<string, unknown>, texts: Record<string, string | undefined>): string {
  const fields = Object.entries(head)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `"${name}":${jsonText(name, value)}`);
  for (const [name, text] of Object.entries(texts)) {
    if (text !== undefined) fields.push(`"${name}":${text}`);
  }
  return `{${fields.join(',')}}`;
}

/** What JSON would change or drop without a word is refused; what the server does not know, it refuses itself. */
function jsonText(name: string, value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalidArgument(name, 'a finite number', value);
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw invalidArgument(name, 'a value that can be sent to a server', value);
  return text;
}

/** Puts the vectors of a binary answer back where `true` stands for them, in order. */
function withVectors(result: unknown, floats: Float32Array, dimension: number): unknown {
  let next = 0;
  const fill = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const entry of value) fill(entry);
    } else if (typeof value === 'object' && value !== null && 'vector' in value) {
      value.vector = floats.slice(next * dimension, ++next * dimension);
    }
  };
  fill(result);
  return result;
}
