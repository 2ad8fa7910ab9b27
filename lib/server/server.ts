import { setMaxListeners } from 'node:events';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SageDBError } from '../errors.js';
import { databaseMetrics } from '../observability/prometheus.js';
import { namesLoopback, TokenCheck } from './access.js';
import { runRequest } from './handler.js';
import { answerOf } from './http-errors.js';
import { bodySchema, openApiDocument } from './openapi.js';
import { RequestLog } from './request-log.js';
import { type Route, routesOf } from './routes.js';
import type { ServedDatabase } from './served-database.js';
import { type ResolvedServerOptions, resolveServerOptions, type ServerOptions } from './server-options.js';
import { BINARY_TYPE, decodeFrame } from './wire.js';

/** Version of the HTTP interface. */
const API_VERSION = '1.0.0';

/** A server that serves a database until it is closed. */
export interface SageDBServer {
  /** Where clients connect. */
  readonly url: string;
  /** Requests that are being served. */
  readonly inFlight: number;
  /** Refuses new requests, lets those in flight finish for `shutdownTimeoutMs`, then ends. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Serves a database over HTTP, listening when it resolves. Needs the packages `fastify` and `@fastify/rate-limit`.
 *
 * @example
 * const server = await createServer(db, { host: '0.0.0.0', token: process.env.SAGEDB_TOKEN });
 */
export function createServer<M extends object>(
  database: ServedDatabase<M>,
  options: ServerOptions = {},
): Promise<SageDBServer> {
  return startServer(database, options, () => {});
}

/**
 * `addRoutes` adds further routes, behind the same token and limits. A route with `config: { open: true }` needs no token: for files that
 * are no secret.
 */
export async function startServer<M extends object>(
  database: ServedDatabase<M>,
  options: ServerOptions,
  addRoutes: (app: FastifyInstance) => void,
): Promise<SageDBServer> {
  const resolved = resolveServerOptions(options);
  // A SageDB that was opened as one without spaces, by a path that has them.
  const spaces = Object.keys((database as { spaces?: object }).spaces ?? {});
  if (spaces.length > 0) {
    const problem = `database: expected one without spaces, since the wire format has one vector per item, got ${spaces.join(', ')}`;
    throw new SageDBError('INVALID_ARGUMENT', problem);
  }
  const app = await loadFramework(resolved);
  // The routes move metadata as it comes; its type is the caller's matter.
  const server = new HttpServer(database as unknown as ServedDatabase, resolved, app);
  addRoutes(app);
  await server.listen();
  return server;
}

async function loadFramework(options: ResolvedServerOptions): Promise<FastifyInstance> {
  const { receiveTimeoutMs, maxBodyBytes, maxRequestsPerSecond, tls } = options;
  try {
    const [{ fastify }, { default: rateLimit }] = await Promise.all([import('fastify'), import('@fastify/rate-limit')]);
    const limits = { headersTimeout: receiveTimeoutMs, connectionsCheckingInterval: Math.ceil(receiveTimeoutMs / 4) };
    const app = fastify({
      bodyLimit: maxBodyBytes,
      requestTimeout: receiveTimeoutMs,
      forceCloseConnections: 'idle',
      return503OnClosing: true,
      // A __proto__ key is data; the schemas let it through in metadata only.
      onProtoPoisoning: 'ignore',
      onConstructorPoisoning: 'ignore',
      ajv: {
        customOptions: { coerceTypes: false, useDefaults: false, removeAdditional: false, allowUnionTypes: true },
      },
      ...(tls === undefined ? { http: limits } : { https: { ...tls, ...limits } }),
    }) as unknown as FastifyInstance;
    if (Number.isFinite(maxRequestsPerSecond)) {
      await app.register(rateLimit, { max: maxRequestsPerSecond, timeWindow: 1000 });
    }
    return app;
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const message = 'the server needs two packages more: npm install fastify @fastify/rate-limit';
    throw new SageDBError('UNAVAILABLE', message, { cause });
  }
}

class HttpServer implements SageDBServer {
  readonly #database: ServedDatabase;
  readonly #options: ResolvedServerOptions;
  readonly #app: FastifyInstance;
  readonly #token: TokenCheck | undefined;
  readonly #log = new RequestLog();
  readonly #shutdown = new AbortController();
  #url = '';
  #inFlight = 0;
  #closing: Promise<void> | undefined;

  constructor(database: ServedDatabase, options: ResolvedServerOptions, app: FastifyInstance) {
    this.#database = database;
    this.#options = options;
    this.#app = app;
    this.#token = options.token === undefined ? undefined : new TokenCheck(options.token);
    setMaxListeners(0, this.#shutdown.signal);
    app.server.maxConnections = options.maxConnections;
    this.#addParsers();
    this.#addHooks();
    this.#addRoutes();
  }

  get url(): string {
    return this.#url;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  async listen(): Promise<void> {
    const { host, port } = this.#options;
    this.#url = await this.#app.listen({ host, port });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const late = setTimeout(() => {
      this.#shutdown.abort();
      this.#app.server.closeAllConnections();
    }, this.#options.shutdownTimeoutMs);
    await this.#app.close();
    clearTimeout(late);
    if (this.#options.closeDatabase) await this.#database.close();
  }

  #addParsers(): void {
    const parse = (_request: FastifyRequest, body: Buffer) => {
      const { head, floats } = decodeFrame(body);
      return Promise.resolve({ frame: floats, head });
    };
    this.#app.addContentTypeParser(BINARY_TYPE, { parseAs: 'buffer' }, parse as never);
    // Browsers send text/plain to any site without asking it first: only what we read is accepted.
    this.#app.removeContentTypeParser('text/plain');
  }

  #addHooks(): void {
    const app = this.#app;
    // Before the body is read, after the rate limit has counted the request.
    app.addHook('preParsing', async (request) => this.#authorise(request));
    // A kept connection that falls idle after the shutdown began would hold it up.
    app.addHook('onSend', async (_request, reply) => {
      if (this.#closing !== undefined) reply.header('connection', 'close');
    });
    app.addHook('onResponse', async (request, reply) => {
      this.#log.record(request.routeOptions.url ?? 'unknown', reply.statusCode, reply.elapsedTime);
    });
    app.setErrorHandler((error, _request, reply) => {
      const { status, code, message } = answerOf(error);
      if (status === 503) reply.header('retry-after', '1');
      return reply.code(status).send({ error: { code, message } });
    });
    app.setNotFoundHandler((request, reply) => {
      const message = `no such route: ${request.method} ${request.url.split('?', 1)[0]}`;
      return reply.code(404).send({ error: { code: 'NOT_FOUND', message } });
    });
  }

  #authorise(request: FastifyRequest): void {
    if ((request.routeOptions.config as { open?: boolean }).open) return;
    if (this.#token !== undefined) {
      if (!this.#token.accepts(request.headers.authorization)) throw refused(401, 'a valid token is required');
    } else if (!namesLoopback(request.headers.host)) {
      throw refused(403, 'without a token only requests to localhost are served');
    }
  }

  #addRoutes(): void {
    const app = this.#app;
    const routes = routesOf(this.#database);
    const document = openApiDocument(API_VERSION, routes);
    app.get('/health', { config: { open: true } as object }, async () => ({
      status: this.#closing === undefined ? 'ok' : 'stopping',
    }));
    app.get('/openapi.json', async () => document);
    app.get('/v1/stats', async () => ({ result: await this.#database.stats() }));
    app.get('/metrics', async (_request, reply) => {
      const text = databaseMetrics(await this.#database.stats()) + this.#log.text();
      return reply.type('text/plain; version=0.0.4').send(text);
    });
    for (const route of routes) {
      if (route.write && this.#options.readOnly) {
        const error = new SageDBError('READ_ONLY', `${route.name}: this server is read-only`);
        app.post(`/v1/${route.name}`, async () => Promise.reject(error));
        continue;
      }
      app.post(`/v1/${route.name}`, {
        schema: { body: bodySchema({ ...route, required: route.required.filter((field) => field !== route.vectors) }) },
        preValidation: async (request) => unwrapFrame(request),
        handler: async (request, reply) => this.#serve(request, reply, route),
      });
    }
  }

  async #serve(request: FastifyRequest, reply: FastifyReply, route: Route): Promise<unknown> {
    if (this.#inFlight >= this.#options.maxInFlight) {
      throw new SageDBError('UNAVAILABLE', `${this.#inFlight} requests are being served already`);
    }
    this.#inFlight++;
    try {
      return await runRequest(request, reply, {
        route,
        database: this.#database,
        timeoutMs: route.long ? undefined : this.#options.requestTimeoutMs,
        sendTimeoutMs: this.#options.receiveTimeoutMs,
        streamTimeoutMs: this.#options.streamTimeoutMs,
        shutdown: this.#shutdown.signal,
      });
    } finally {
      this.#inFlight--;
    }
  }
}

/** Puts the floats of a binary body beside its head, so that one schema checks both forms. */
function unwrapFrame(request: FastifyRequest): void {
  const body = request.body as { frame?: unknown; head?: unknown } | undefined;
  if (!(body?.frame instanceof Float32Array)) return;
  (request as { floats?: Float32Array }).floats = body.frame;
  request.body = body.head;
}

function refused(statusCode: number, message: string): Error {
  return Object.assign(new Error(message), { statusCode });
}
