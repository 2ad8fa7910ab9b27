import { SAGEDB_ERROR_CODES, SageDBError, type SageDBErrorCode } from '../errors.js';

/** What a worker of a pool is started with. */
export interface PoolWorkerData {
  /** Of the engine that every worker attaches to. */
  handle: string;
  /** URL of the module whose functions `run` calls. */
  tasks: string | undefined;
}

/** To a worker: a call, or word that nobody waits for one any more, or the end. */
export type PoolRequest =
  | { kind: 'search'; call: number; method: 'search' | 'batchSearch'; args: [query: unknown, options: unknown] }
  | { kind: 'task'; call: number; task: string; input: unknown }
  | { kind: 'cancel'; call: number }
  | { kind: 'stop' };

/** From a worker. */
export type PoolReply = { call: number; value: unknown } | { call: number; error: PoolFailure };

/** An error on its way between threads: structured cloning keeps neither its class nor its code. */
export interface PoolFailure {
  name: string;
  message: string;
  code: string | undefined;
  stack: string | undefined;
}

export function packError(thrown: unknown): PoolFailure {
  if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown), code: undefined, stack: undefined };
  const { name, message, stack } = thrown;
  const { code } = thrown as { code?: unknown };
  return { name, message, stack, code: typeof code === 'string' ? code : undefined };
}

export function unpackError({ name, message, code, stack }: PoolFailure): Error {
  const known = name === 'SageDBError' && SAGEDB_ERROR_CODES.includes(code as SageDBErrorCode);
  const error = known
    ? new SageDBError(code as SageDBErrorCode, message)
    : Object.assign(new Error(message), { name, code });
  if (stack !== undefined) error.stack = stack;
  return error;
}
