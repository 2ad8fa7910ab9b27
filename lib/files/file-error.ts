import { messageOf, SageDBError, type SageDBErrorCode } from '../errors.js';

const CODES: Record<string, SageDBErrorCode> = {
  ENOENT: 'NOT_FOUND',
  ENOTDIR: 'NOT_FOUND',
  EEXIST: 'INVALID_ARGUMENT',
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EROFS: 'PERMISSION_DENIED',
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
};

/** The error of a file operation, as ours; errors without a system code stay as they are. */
export function fileError(error: unknown): unknown {
  if (error instanceof SageDBError || !(error instanceof Error)) return error;
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  if (code === 'ENOENT' && path !== undefined)
    return new SageDBError('NOT_FOUND', `${path}: no such file or folder`, { cause: error });
  if (code === 'EEXIST' && path !== undefined)
    return new SageDBError('INVALID_ARGUMENT', `${path} exists already`, { cause: error });
  return new SageDBError(CODES[code] ?? 'IO_ERROR', messageOf(error), { cause: error });
}
