import { randomBytes } from 'node:crypto';
import { access, constants, link, lstat, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { abortedError, SageDBError } from './errors.js';
import { fileError } from './files/file-error.js';
import { FileWriter } from './files/file-writer.js';
import { npyHeader } from './files/npy.js';
import { type PortableFiles, portableFiles } from './files/portable.js';
import type { Filter } from './filter.js';
import { longOptions, pathOf, readOptions } from './options.js';
import type { AnyItem } from './reads.js';
import type { ExportOptions, LongOptions } from './types.js';

/** What an export needs of its database. */
export interface ExportSource {
  readonly dimension: number;
  readonly spaces?: object;
  count(filter?: Filter<object>): Promise<number>;
  iterate(filter: Filter<object> | undefined, options: object): AsyncIterable<AnyItem>;
}

const PAGE = 256;

/** Writes every matching item of one snapshot; resolves with how many. What was begun is removed when it fails. */
export async function exportItems(db: ExportSource, target: unknown, options: unknown): Promise<number> {
  const files = portableFiles(pathOf(target, 'target'));
  if (files.vectors !== undefined && Object.keys(db.spaces ?? {}).length > 0) {
    const problem =
      'target: expected a file that ends in .jsonl, since an npy file has one vector per item, got a folder';
    throw new SageDBError('INVALID_ARGUMENT', problem);
  }
  const o = readOptions<ExportOptions<object>>(options, 'options', ['filter', 'signal', 'onProgress']);
  const long = longOptions(o, 'options');
  if (long.signal?.aborted) throw abortedError(long.signal);
  const total = await db.count(o.filter);
  const created = await createFolder(files);
  const written: string[] = [];
  try {
    if (files.folder !== undefined) return await write(db, files, o.filter, long, total, written);
    // A part of a .jsonl file is a .jsonl file: under its name it stands whole or not at all.
    const items = `${files.items}.${randomBytes(4).toString('hex')}.tmp`;
    await requireAbsent(files.items);
    const done = await write(db, { ...files, items }, o.filter, long, total, written);
    await nameAs(items, files.items);
    return done;
  } catch (error) {
    for (const path of written) await rm(path, { force: true }).catch(() => {});
    await removeEmpty(created);
    throw fileError(error);
  }
}

/** Up to the first that is not empty. */
async function removeEmpty(folders: string[]): Promise<void> {
  try {
    for (const folder of folders) await rmdir(folder);
  } catch {
    // Somebody else put something there.
  }
}

const existsAlready = (path: string) => new SageDBError('INVALID_ARGUMENT', `${path} exists already`);

async function requireAbsent(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found) throw existsAlready(path);
}

/** Never over a file that came meanwhile, where the file system has links. */
async function nameAs(from: string, path: string): Promise<void> {
  try {
    await link(from, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw existsAlready(path);
    await requireAbsent(path);
    return rename(from, path);
  }
  try {
    await rm(from);
  } catch (error) {
    // An export that fails leaves nothing.
    await rm(path, { force: true }).catch(() => {});
    throw error;
  }
}

/** The folders that had to be made, innermost first. */
async function createFolder({ folder }: PortableFiles): Promise<string[]> {
  if (folder === undefined) return [];
  try {
    const outermost = await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length === 0) return outermost === undefined ? [] : foldersUpTo(folder, outermost);
  } catch (error) {
    throw fileError(await reasonOf(error as NodeJS.ErrnoException));
  }
  throw new SageDBError('INVALID_ARGUMENT', `target: ${folder} is not empty`);
}

/** A recursive mkdir says ENOENT on a read-only file system. */
async function reasonOf(error: NodeJS.ErrnoException): Promise<unknown> {
  if (error.code !== 'ENOENT' || error.path === undefined) return error;
  return access(dirname(error.path), constants.W_OK).then(
    () => error,
    (reason: unknown) => reason,
  );
}

function foldersUpTo(folder: string, outermost: string): string[] {
  const made = [folder];
  for (let at = folder; at !== outermost; made.push(at)) {
    const parent = dirname(at);
    // Not spelled the same way: what was there before must not be taken for new.
    if (parent === at) return [folder];
    at = parent;
  }
  return made;
}

async function write(
  db: ExportSource,
  files: PortableFiles,
  filter: Filter<object> | undefined,
  { signal, onProgress }: LongOptions,
  total: number,
  written: string[],
): Promise<number> {
  const open: FileWriter[] = [];
  const create = async (path: string) => {
    const file = await FileWriter.create(path);
    written.push(path);
    open.push(file);
    return file;
  };
  let done = 0;
  try {
    const items = await create(files.items);
    const vectors = files.vectors === undefined ? undefined : await create(files.vectors);
    // Its place; without the right one the file is not an npy file.
    vectors?.append(new Uint8Array(npyHeader(0, db.dimension).length));
    for await (const item of db.iterate(filter, { includeVector: true, pageSize: PAGE })) {
      const vector = item.vector as Float32Array;
      const full = [items.append(Buffer.from(lineOf(item, vectors === undefined)))];
      if (vectors) full.push(vectors.append(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)));
      done++;
      if (done % PAGE === 0) onProgress?.({ done: Math.min(done, total), total: Math.max(done, total) });
      if (signal?.aborted) throw abortedError(signal);
      if (!full.includes(true)) continue;
      await items.flush();
      await vectors?.flush();
    }
    await items.finish();
    await vectors?.finish(npyHeader(done, db.dimension));
  } catch (error) {
    await closeAll(open).catch(() => {});
    throw error;
  }
  await closeAll(open);
  onProgress?.({ done, total: done });
  return done;
}

/** One that fails keeps none of the others open. */
async function closeAll(files: FileWriter[]): Promise<void> {
  const closings = await Promise.allSettled(files.map((file) => file.close()));
  const failed = closings.find((closing) => closing.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Other than JSON.stringify, which writes -0 as 0. */
const numberText = (value: number) => (Object.is(value, -0) ? '-0' : `${value}`);

const listText = (vector: Float32Array) => `[${Array.from(vector, numberText).join()}]`;

/** An item as one line of JSON. */
export function lineOf({ id, metadata, vector }: AnyItem, withVector: boolean): string {
  const item = JSON.stringify({ id, metadata });
  if (!withVector || vector === undefined) return `${item}\n`;
  const named = (vectors: Record<string, Float32Array>) =>
    Object.entries(vectors).map(([name, of]) => `${JSON.stringify(name)}:${listText(of)}`);
  const text = vector instanceof Float32Array ? listText(vector) : `{${named(vector).join()}}`;
  return `${item.slice(0, -1)},"vector":${text}}\n`;
}
