/**
 * Every code a {@link SageDBError} can carry: the same names as `SAGEDB_ERROR_CODES` in `cpp/base/status.h` (a test compares the two).
 */
export const SAGEDB_ERROR_CODES = [
  /** An option or argument of the wrong type or range. */
  'INVALID_ARGUMENT',
  /** A vector of another length than the database's dimension. */
  'DIMENSION_MISMATCH',
  /** NaN, Infinity, zero under cosine, detached or resizable buffer. */
  'INVALID_VECTOR',
  /** Not a string or safe integer. */
  'INVALID_ID',
  /** `add` of an existing id, or one id twice in a batch. */
  'DUPLICATE_ID',
  /** Not plain JSON data, too deep, too large, cyclic, or a getter threw. */
  'INVALID_METADATA',
  /** Unknown operator or operand of the wrong type. */
  'INVALID_FILTER',
  /** Used after `close()`. */
  'CLOSED',
  /** The caller's AbortSignal fired, or the database was closed meanwhile. */
  'ABORTED',
  /** A write on a read-only database, after a failed sync, or when the folder was removed or replaced meanwhile. */
  'READ_ONLY',
  /** Another writer holds the path. */
  'LOCKED',
  /** The path or handle holds no database. */
  'NOT_FOUND',
  /** An option contradicts what is stored. */
  'CONFIG_MISMATCH',
  /** Written by a newer version. */
  'UNSUPPORTED_FORMAT',
  /** A checksum or structure check failed. */
  'CORRUPTION',
  /** The operating system failed a file operation. */
  'IO_ERROR',
  /** No space left, or quota. */
  'DISK_FULL',
  /** The operating system refused access. */
  'PERMISSION_DENIED',
  /** An allocation failed, or no thread could be made; nothing was changed. */
  'OUT_OF_MEMORY',
  /** More rows, bytes or depth than the engine can hold. */
  'LIMIT_EXCEEDED',
  /** A background build failed; the previous index stays in service. */
  'BUILD_FAILED',
  /** A service call took longer than its limit. */
  'TIMEOUT',
  /** The native addon or a remote server cannot be reached. */
  'UNAVAILABLE',
  /** A bug of ours. */
  'INTERNAL',
] as const;

/** The closed union of error codes. */
export type SageDBErrorCode = (typeof SAGEDB_ERROR_CODES)[number];

/**
 * The one error type of this package. `code` is for programs; `message` names the field, what was expected and what came;
 * `cause` holds the original error (or `signal.reason`) where there is one.
 */
export class SageDBError extends Error {
  readonly code: SageDBErrorCode;

  constructor(code: SageDBErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** Works across copies of this package (ESM and CJS in one process), where `instanceof` does not. */
  static is(error: unknown): error is SageDBError {
    return (
      error instanceof Error && error.name === 'SageDBError' && SAGEDB_ERROR_CODES.includes((error as SageDBError).code)
    );
  }
}
Object.defineProperty(SageDBError.prototype, 'name', { value: 'SageDBError', configurable: true, writable: true });

/** How a value is shown in a message: short and never throwing. */
export function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > 40
        ? `${JSON.stringify(value.slice(0, 40))}… (${value.length} characters)`
        : JSON.stringify(value);
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object':
      return value === null ? 'null' : describeObject(value);
    default:
      return Object.is(value, -0) ? '-0' : String(value);
  }
}

export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'unknown error';
  }
}

function describeObject(value: object): string {
  try {
    if (Array.isArray(value)) return `an array of length ${value.length}`;
    const name = (Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null)?.constructor?.name;
    return typeof name === 'string' && name !== '' && name !== 'Object' ? `a ${name}` : 'an object';
  } catch {
    return 'an object';
  }
}

export function invalidArgument(field: string, expected: string, got: unknown): SageDBError {
  return new SageDBError('INVALID_ARGUMENT', `${field}: expected ${expected}, got ${show(got)}`);
}

export function closedError(): SageDBError {
  return new SageDBError('CLOSED', 'the database is closed');
}

export function abortedError(signal: AbortSignal): SageDBError {
  return new SageDBError('ABORTED', 'the operation was aborted', { cause: signal.reason });
}

/** Gives an error of the addon its class. `rename` adapts the message (for instance, to name the batch position). */
export function fromNative(error: Error & { code?: string }, rename?: (message: string) => string): SageDBError {
  if (error instanceof SageDBError) return error;
  const code = SAGEDB_ERROR_CODES.find((known) => known === error.code);
  const message = rename ? rename(error.message) : error.message;
  return code === undefined ? new SageDBError('INTERNAL', message, { cause: error }) : new SageDBError(code, message);
}
