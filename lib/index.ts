export { SAGEDB_ERROR_CODES, SageDBError, type SageDBErrorCode } from './errors.js';
export type { Filter } from './filter.js';
export { hardwareThreads } from './hardware.js';
export { SageDB } from './sage-db.js';
export { type TextWord, textWords } from './text-words.js';
export type * from './types.js';
