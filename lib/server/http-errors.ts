import { SageDBError, type SageDBErrorCode } from '../errors.js';

/** The status that tells a client whose fault it was and whether trying again makes sense. */
const STATUS: Readonly<Record<SageDBErrorCode, number>> = {
  INVALID_ARGUMENT: 400,
  DIMENSION_MISMATCH: 400,
  INVALID_VECTOR: 400,
  INVALID_ID: 400,
  INVALID_METADATA: 400,
  INVALID_FILTER: 400,
  DUPLICATE_ID: 409,
  CONFIG_MISMATCH: 409,
  LOCKED: 409,
  READ_ONLY: 403,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  LIMIT_EXCEEDED: 413,
  CLOSED: 503,
  ABORTED: 503,
  UNAVAILABLE: 503,
  TIMEOUT: 504,
  OUT_OF_MEMORY: 507,
  DISK_FULL: 507,
  UNSUPPORTED_FORMAT: 500,
  CORRUPTION: 500,
  IO_ERROR: 500,
  BUILD_FAILED: 500,
  INTERNAL: 500,
};

export interface ErrorAnswer {
  status: number;
  code: SageDBErrorCode;
  message: string;
}

/** What a client is told. Errors that are not the database's own may hold anything, so their text stays here. */
export function answerOf(error: unknown): ErrorAnswer {
  if (SageDBError.is(error)) return { status: STATUS[error.code], code: error.code, message: error.message };
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, code: codeOf(statusCode), message: message ?? 'refused' };
  }
  return { status: 500, code: 'INTERNAL', message: 'internal error' };
}

/** The framework's own refusals, in the codes of this package. */
function codeOf(status: number): SageDBErrorCode {
  switch (status) {
    case 401:
    case 403:
      return 'PERMISSION_DENIED';
    case 404:
      return 'NOT_FOUND';
    case 408:
      return 'TIMEOUT';
    case 413:
      return 'LIMIT_EXCEEDED';
    case 429:
      return 'UNAVAILABLE';
    default:
      return 'INVALID_ARGUMENT';
  }
}
