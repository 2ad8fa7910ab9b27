import { SageDBError, show } from './errors.js';
import type { Id } from './types.js';

/** UTF-16 units of a string id: keys, not documents. */
export const MAX_ID_LENGTH = 65_536;

export function checkId(id: unknown, field = 'id'): Id {
  if (typeof id === 'number') {
    if (Number.isSafeInteger(id)) return id === 0 ? 0 : id; // −0 and 0 are one id
  } else if (typeof id === 'string') {
    if (id.length <= MAX_ID_LENGTH) return id;
    throw new SageDBError('INVALID_ID', `${field}: expected at most ${MAX_ID_LENGTH} characters, got ${id.length}`);
  }
  throw new SageDBError('INVALID_ID', `${field}: expected a string or a safe integer, got ${show(id)}`);
}

/** A checked copy: the caller's list may change, or be a proxy, while it is read. */
export function checkIds(ids: unknown, field = 'ids'): Id[] {
  if (!Array.isArray(ids)) {
    throw new SageDBError('INVALID_ARGUMENT', `${field}: expected an array of ids, got ${show(ids)}`);
  }
  const copy = new Array<Id>(ids.length);
  for (let i = 0; i < copy.length; i++) copy[i] = checkId(ids[i], `${field}[${i}]`);
  return copy;
}

/** Throws `DUPLICATE_ID` naming both positions. */
export function checkDistinct(ids: readonly Id[]): void {
  const seen = new Map<Id, number>();
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as Id;
    const first = seen.get(id);
    if (first !== undefined) {
      throw new SageDBError('DUPLICATE_ID', `ids[${i}]: ${show(id)} is already at ids[${first}]`);
    }
    seen.set(id, i);
  }
}
