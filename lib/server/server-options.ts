import { invalidArgument } from '../errors.js';
import { isLoopback } from './access.js';

/** Options of a server. */
export interface ServerOptions {
  /** Address to listen on. Default `127.0.0.1`; every other than loopback needs a `token`. */
  host?: string;
  /** Default 7700. 0: any free port, see `url`. */
  port?: number;
  /** Clients send it as `Authorization: Bearer <token>`. At least 16 characters. */
  token?: string;
  /** Serve HTTPS. */
  tls?: { key: string | Buffer; cert: string | Buffer };
  /** Refuse every operation that changes the database. Default false. */
  readOnly?: boolean;
  /** Largest request body in bytes. Default 64 MiB. */
  maxBodyBytes?: number;
  /** Requests per second and client address; more are refused with 429. Default: 1,000, on loopback no limit. */
  maxRequestsPerSecond?: number;
  /** Requests that are served at the same time; more are refused with 503. Default 1,024. */
  maxInFlight?: number;
  /** Open connections. Default 1,024. */
  maxConnections?: number;
  /** Milliseconds for a client to send its request. Default 30,000. */
  receiveTimeoutMs?: number;
  /** Milliseconds for the database to answer; index builds are exempt. Default 30,000. */
  requestTimeoutMs?: number;
  /** Milliseconds for a client to take the next page of an iterator, whose snapshot is held meanwhile. Default 600,000. */
  streamTimeoutMs?: number;
  /** Milliseconds that `close` waits for requests in flight. Default 10,000. */
  shutdownTimeoutMs?: number;
  /** Close the database with the server. Default false. */
  closeDatabase?: boolean;
}

export type ResolvedServerOptions = Required<Omit<ServerOptions, 'token' | 'tls'>> &
  Pick<ServerOptions, 'token' | 'tls'>;

const MIN_TOKEN_LENGTH = 16;

export function resolveServerOptions(options: ServerOptions): ResolvedServerOptions {
  const host = options.host ?? '127.0.0.1';
  const { token } = options;
  if (token !== undefined && (typeof token !== 'string' || token.length < MIN_TOKEN_LENGTH)) {
    throw invalidArgument('token', `at least ${MIN_TOKEN_LENGTH} characters`, 'a shorter one');
  }
  if (token === undefined && !isLoopback(host)) {
    throw invalidArgument('token', `a token, because ${host} can be reached from other machines`, undefined);
  }
  const resolved = {
    port: 7700,
    readOnly: false,
    maxBodyBytes: 64 * 2 ** 20,
    maxRequestsPerSecond: isLoopback(host) ? Number.POSITIVE_INFINITY : 1000,
    maxInFlight: 1024,
    maxConnections: 1024,
    receiveTimeoutMs: 30_000,
    requestTimeoutMs: 30_000,
    streamTimeoutMs: 600_000,
    shutdownTimeoutMs: 10_000,
    closeDatabase: false,
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    host,
  } as ResolvedServerOptions;
  const positive = ['maxBodyBytes', 'maxRequestsPerSecond', 'maxInFlight', 'maxConnections'] as const;
  const durations = ['receiveTimeoutMs', 'requestTimeoutMs', 'streamTimeoutMs', 'shutdownTimeoutMs'] as const;
  for (const field of [...positive, ...durations]) {
    if (!(resolved[field] > 0)) throw invalidArgument(field, 'a positive number', resolved[field]);
  }
  return resolved;
}
