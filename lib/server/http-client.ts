import { type AgentOptions, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { abortedError, SAGEDB_ERROR_CODES, SageDBError, type SageDBErrorCode } from '../errors.js';

export interface HttpClientOptions {
  token: string | undefined;
  timeoutMs: number;
  maxConnections: number;
  ca: string | Buffer | undefined;
}

export interface ClientRequest {
  method: 'GET' | 'POST';
  path: string;
  type?: string;
  accept: string;
  body: readonly Buffer[];
  signal: AbortSignal | undefined;
  /** 0: as long as it takes. */
  timeoutMs?: number;
  /** Changes nothing, so that it may be sent again when the connection broke. */
  repeatable: boolean;
}

export interface ClientResponse {
  type: string;
  body: Buffer;
}

/** What becomes of an answer whose head has come. */
type Take<T> = (response: IncomingMessage) => Promise<T>;

/** Requests to one server over kept connections. Every failure is a `SageDBError`. */
export class HttpClient {
  readonly #base: URL;
  readonly #agent: HttpAgent;
  readonly #streamAgent: HttpAgent;
  readonly #target: { hostname: string; port: string };
  readonly #options: HttpClientOptions;
  #closed = false;

  constructor(base: URL, options: HttpClientOptions) {
    this.#base = base;
    // Without the brackets that an IPv6 address has in a URL.
    this.#target = { hostname: base.hostname.replace(/^\[|\]$/g, ''), port: base.port };
    this.#options = options;
    const agent = (agentOptions: AgentOptions) =>
      base.protocol === 'https:' ? new HttpsAgent({ ...agentOptions, ca: options.ca }) : new HttpAgent(agentOptions);
    this.#agent = agent({ keepAlive: true, maxSockets: options.maxConnections });
    this.#streamAgent = agent({});
  }

  async send(request: ClientRequest): Promise<ClientResponse> {
    this.#requireOpen(request);
    return this.#repeated(request, this.#agent, read);
  }

  /**
   * The body of the answer as it comes, at the reader's pace; leaving the loop ends the request. The time limit is for each wait. Streams
   * have connections of their own: a reader that makes requests meanwhile must not wait for itself.
   */
  async *stream(request: ClientRequest): AsyncGenerator<Buffer, void, undefined> {
    this.#requireOpen(request);
    const response = await this.#repeated(request, this.#streamAgent, opened);
    const { signal, timeoutMs = this.#options.timeoutMs } = request;
    let failure: SageDBError | undefined;
    const fail = (error: SageDBError) => {
      failure ??= error;
      response.destroy(failure);
    };
    const onAbort = () => fail(abortedError(signal as AbortSignal));
    signal?.addEventListener('abort', onAbort, { once: true });
    // Between the head of the answer and here nobody listened.
    if (signal?.aborted) onAbort();
    const chunks = response[Symbol.asyncIterator]() as AsyncGenerator<Buffer, void, undefined>;
    try {
      for (;;) {
        const late = () => fail(new SageDBError('TIMEOUT', `no answer within ${timeoutMs} ms`));
        const timer = timeoutMs > 0 && setTimeout(late, timeoutMs);
        const step = await chunks.next().finally(() => timer && clearTimeout(timer));
        if (step.done) return;
        yield step.value;
      }
    } catch (cause) {
      if (failure !== undefined) throw failure;
      if (this.#closed) throw new SageDBError('CLOSED', 'the connection is closed');
      throw new SageDBError('UNAVAILABLE', 'the connection broke before the answer was complete', { cause });
    } finally {
      signal?.removeEventListener('abort', onAbort);
      response.destroy();
    }
  }

  #requireOpen(request: ClientRequest): void {
    if (this.#closed) throw new SageDBError('CLOSED', 'the connection is closed');
    if (request.signal?.aborted === true) throw abortedError(request.signal);
  }

  async #repeated<T>(request: ClientRequest, agent: HttpAgent, take: Take<T>): Promise<T> {
    try {
      return await this.#exchange(request, agent, take);
    } catch (error) {
      // The server may close an idle connection in the moment in which we use it.
      if (request.repeatable && error instanceof StaleConnection) return this.#exchange(request, agent, take);
      throw error;
    }
  }

  close(): void {
    this.#closed = true;
    this.#agent.destroy();
    this.#streamAgent.destroy();
  }

  #exchange<T>(request: ClientRequest, agent: HttpAgent, take: Take<T>): Promise<T> {
    const { signal } = request;
    return new Promise((resolve, reject) => {
      const length = request.body.reduce((sum, part) => sum + part.length, 0);
      const send = this.#base.protocol === 'https:' ? httpsRequest : httpRequest;
      const outgoing = send({
        ...this.#target,
        path: request.path,
        method: request.method,
        agent,
        headers: this.#headers(request, length),
      });
      const timeoutMs = request.timeoutMs ?? this.#options.timeoutMs;
      const timer =
        timeoutMs > 0 &&
        setTimeout(() => fail(new SageDBError('TIMEOUT', `no answer within ${timeoutMs} ms`)), timeoutMs);
      const onAbort = () => fail(abortedError(signal as AbortSignal));
      const end = () => {
        if (timer) clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const fail = (error: Error) => {
        end();
        reject(error);
        outgoing.destroy();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        const reset = outgoing.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
        fail(reset ? new StaleConnection(error) : unreachable(error, this.#base));
      });
      outgoing.on('response', (response) => {
        take(response).then((answer) => {
          end();
          resolve(answer);
        }, fail);
      });
      for (const part of request.body) outgoing.write(part);
      outgoing.end();
    });
  }

  #headers(request: ClientRequest, length: number): Record<string, string | number> {
    const { token } = this.#options;
    return {
      accept: request.accept,
      ...(request.type === undefined ? {} : { 'content-type': request.type, 'content-length': length }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }
}

/** A kept connection that turned out to be closed. */
class StaleConnection extends SageDBError {
  constructor(cause: Error) {
    super('UNAVAILABLE', 'the server closed the connection; whether it did the request is unknown', { cause });
  }
}

/** Once the server has accepted the request. */
async function opened(response: IncomingMessage): Promise<IncomingMessage> {
  if ((response.statusCode ?? 0) >= 300) await read(response);
  return response;
}

function read(response: IncomingMessage): Promise<ClientResponse> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const broken = (cause?: Error) =>
      reject(new SageDBError('UNAVAILABLE', 'the connection broke before the answer was complete', { cause }));
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.once('error', broken);
    response.once('aborted', broken);
    response.once('end', () => {
      const body = Buffer.concat(chunks);
      const status = response.statusCode ?? 0;
      if (status >= 300) reject(refusal(status, body));
      else resolve({ type: response.headers['content-type'] ?? '', body });
    });
  });
}

/** The server's error with its own code, so that a program need not know whether its database is remote. */
function refusal(status: number, body: Buffer): SageDBError {
  try {
    const { error } = JSON.parse(body.toString()) as { error: { code: SageDBErrorCode; message: string } };
    if (SAGEDB_ERROR_CODES.includes(error.code)) return new SageDBError(error.code, error.message);
  } catch {
    // Something between us and the server answered.
  }
  return new SageDBError('UNAVAILABLE', `the server answered with status ${status}`);
}

function unreachable(cause: Error, base: URL): SageDBError {
  return new SageDBError('UNAVAILABLE', `${base.origin} cannot be reached: ${cause.message}`, { cause });
}
