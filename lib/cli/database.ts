import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SageDBError } from '../errors.js';
import { SageDB } from '../sage-db.js';
import type { Id, Metric } from '../types.js';
import { UsageError } from './command.js';

export const METRICS: readonly Metric[] = ['l2', 'cosine', 'ip'];

/** A database that exists: a misspelt path must neither make a new one nor leave a lock file. */
export async function openExisting(path: string, readOnly: boolean): Promise<SageDB> {
  if (!existsSync(path)) throw new SageDBError('NOT_FOUND', `${path}: no such folder`);
  if (!existsSync(join(path, 'CURRENT'))) throw new SageDBError('NOT_FOUND', `${path}: holds no database`);
  return SageDB.open({ path, readOnly });
}

/** `7` is a number; `"7"`, in quotation marks, and everything that is no safe integer is a string. The two never collide in a database. */
export function idOf(text: string): Id {
  const number = Number(text);
  if (Number.isSafeInteger(number) && String(number) === text) return number;
  if (!text.startsWith('"')) return text;
  try {
    return JSON.parse(text) as string;
  } catch {
    throw new UsageError(`an id that begins with a quotation mark must be a JSON string, got ${text}`);
  }
}
