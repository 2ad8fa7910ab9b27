import { onAbort } from './abort.js';
import { abortedError, SageDBError, show } from './errors.js';
import { fileError } from './files/file-error.js';
import { type Line, readLines } from './files/line-reader.js';
import { NpyReader } from './files/npy.js';
import { portableFiles } from './files/portable.js';
import { checkId } from './ids.js';
import { stringifyMetadata } from './metadata.js';
import { booleanOf, integerIn, longOptions, pathOf, readOptions } from './options.js';
import type { AnyVector } from './results.js';
import { SpaceList } from './spaces.js';
import type { AddBatchOptions, Id, ImportItem, ImportOptions, LongOptions, SpaceInfo, VectorInput } from './types.js';
import { goodFloats } from './vectors.js';

/** What an import needs of its database. */
export interface ImportTarget {
  readonly dimension: number;
  readonly metric: string;
  readonly spaces?: Readonly<Record<string, SpaceInfo>>;
  addBatch(vectors: AnyVector[], metadata: object[], options: AddBatchOptions): Promise<Id[]>;
  upsertBatch(vectors: AnyVector[], metadata: object[], options: AddBatchOptions): Promise<Id[]>;
}

const DEFAULT_BATCH = 1000;

/** Items whose source can tell where the one that it gave last comes from. */
export class PlacedItems {
  readonly place: () => string;
  readonly #items: AsyncIterable<ImportItem>;

  constructor(items: AsyncIterable<ImportItem>, place: () => string) {
    this.#items = items;
    this.place = place;
  }

  [Symbol.asyncIterator](): AsyncIterator<ImportItem> {
    return this.#items[Symbol.asyncIterator]();
  }
}

/** A checked item and where it comes from, for messages. */
interface Entry {
  id: Id | undefined;
  vector: AnyVector;
  metadata: object;
  place: string;
}

/** Items of a source, with how far it has been read; `total` is 0 where nobody knows. */
interface Stream {
  entries: AsyncIterable<Entry>;
  progress: () => { done: number; total: number };
  close: () => Promise<void>;
}

/** Adds the items of `source` in atomic batches; resolves with how many. Batches before a bad item stay. */
export async function importItems(db: ImportTarget, source: unknown, options: unknown): Promise<number> {
  const o = readOptions<ImportOptions>(options, 'options', ['batchSize', 'replace', 'signal', 'onProgress']);
  const long = longOptions(o, 'options');
  const size = o.batchSize === undefined ? DEFAULT_BATCH : integerIn(o.batchSize, 'options.batchSize', 1, 1_000_000);
  const replace = o.replace === undefined ? false : booleanOf(o.replace, 'options.replace');
  if (long.signal?.aborted) throw abortedError(long.signal);
  const check = new EntryCheck(db);
  let stream: Stream | undefined;
  try {
    stream = await streamOf(source, check);
    return await load(db, stream, size, replace, long);
  } catch (error) {
    // What the caller's own source throws is not ours to translate.
    throw typeof source === 'string' ? fileError(error) : error;
  } finally {
    await stream?.close();
  }
}

async function load(
  db: ImportTarget,
  { entries, progress }: Stream,
  size: number,
  replace: boolean,
  { signal, onProgress }: LongOptions,
): Promise<number> {
  let batch: Entry[] = [];
  let done = 0;
  const commit = async () => {
    if (batch.length === 0) return;
    await put(db, batch, replace, signal, done);
    done += batch.length;
    batch = [];
    if (onProgress && progress().total > 0) onProgress(progress());
  };
  for await (const entry of untilAbort(entries, signal)) {
    // A batch has ids throughout or takes assigned numbers throughout.
    if (batch.length > 0 && (batch[0]?.id === undefined) !== (entry.id === undefined)) await commit();
    if (signal?.aborted) throw abortedError(signal);
    batch.push(entry);
    if (batch.length === size) await commit();
  }
  await commit();
  const { total } = progress();
  onProgress?.(total > 0 ? { done: total, total } : { done, total: done });
  return done;
}

/** Does not wait for a silent source: the signal ends it at once, and the source when it next gives something. */
function untilAbort<T>(source: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncIterable<T> {
  if (!signal) return source;
  const iterator = source[Symbol.asyncIterator]();
  let refuse: (error: SageDBError) => void = () => {};
  let left: Promise<unknown> | undefined;
  const leave = () => {
    // What it is waiting for comes first, and nobody waits for that; nor does anybody ask how it ended.
    left ??= Promise.resolve(iterator.return?.()).catch(() => {});
    return left;
  };
  const abort = () => {
    void leave();
    refuse(abortedError(signal));
  };
  const stop = onAbort(signal, abort);
  const next = () =>
    new Promise<IteratorResult<T>>((resolve, reject) => {
      refuse = reject;
      // One that was left says that it is done, which is not how an abort ends. One that never began would not clean up.
      if (left === undefined) iterator.next().then(resolve, reject);
      // It may have fired before anybody listened, or between two items.
      if (signal.aborted) abort();
    }).then(
      (result) => {
        if (result.done) stop();
        return result;
      },
      (error: unknown) => {
        stop();
        throw error;
      },
    );
  const end = async (): Promise<IteratorResult<T>> => {
    stop();
    const leaving = leave();
    if (!signal.aborted) await leaving;
    return { done: true, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
}

async function put(
  db: ImportTarget,
  batch: Entry[],
  replace: boolean,
  signal: AbortSignal | undefined,
  done: number,
): Promise<void> {
  const vectors = batch.map((entry) => entry.vector);
  const metadata = batch.map((entry) => entry.metadata);
  const ids = batch[0]?.id === undefined ? undefined : batch.map((entry) => entry.id as Id);
  try {
    await (replace
      ? db.upsertBatch(vectors, metadata, { ids, signal })
      : db.addBatch(vectors, metadata, { ids, signal }));
  } catch (error) {
    if (!(error instanceof SageDBError) || error.code === 'ABORTED' || error.code === 'CLOSED') throw error;
    const where = `${batch[0]?.place} to ${batch.at(-1)?.place}, after ${done} items`;
    throw new SageDBError(error.code, `${where}: ${error.message}`, { cause: error });
  }
}

/** Turns what a source holds into entries; errors name the place. */
class EntryCheck {
  readonly dimension: number;
  readonly #cosine: boolean;
  readonly spaces: SpaceList | undefined;

  constructor({ dimension, metric, spaces = {} }: ImportTarget) {
    this.dimension = dimension;
    this.#cosine = metric === 'cosine';
    const named = Object.entries(spaces).map(([name, info]) => ({ name, ...info }));
    this.spaces = named.length === 0 ? undefined : new SpaceList(named);
  }

  /** Vectors of named spaces are copied, a single one may be the caller's memory. */
  #vector(vector: unknown, place: string): AnyVector {
    const field = `${place}: vector`;
    if (this.spaces === undefined) return goodFloats(vector as VectorInput, this.dimension, this.#cosine, field);
    const floats = new Float32Array(this.dimension);
    return this.spaces.unpack(this.spaces.copyRow(vector, floats, 0, field), floats, 0);
  }

  /** `borrowed`: the source may use its memory again before the entry's batch is written. */
  entry(id: unknown, vector: unknown, metadata: unknown, place: string, borrowed = false): Entry {
    const checked = metadata === undefined ? {} : metadata;
    const text = stringifyMetadata(checked, `${place}: metadata`);
    const floats = this.#vector(vector, place);
    return {
      id: id === undefined ? undefined : checkId(id, `${place}: id`),
      vector: borrowed && floats instanceof Float32Array ? floats.slice() : floats,
      metadata: (borrowed ? JSON.parse(text) : checked) as object,
      place,
    };
  }
}

async function streamOf(source: unknown, check: EntryCheck): Promise<Stream> {
  if (typeof source !== 'string') return iterableStream(source, check);
  const files = portableFiles(pathOf(source, 'source'));
  return files.vectors === undefined
    ? lineStream(files.items, check)
    : await folderStream(files.items, files.vectors, check);
}

function iterableStream(source: unknown, check: EntryCheck): Stream {
  const iterable = source as AsyncIterable<ImportItem> | null;
  const known =
    typeof iterable === 'object' &&
    iterable !== null &&
    (Symbol.asyncIterator in iterable || Symbol.iterator in iterable);
  if (!known)
    throw new SageDBError('INVALID_ARGUMENT', `source: expected a path or an iterable of items, got ${show(source)}`);
  async function* entries(): AsyncGenerator<Entry> {
    let n = 0;
    for await (const item of iterable as AsyncIterable<ImportItem>) {
      const place = iterable instanceof PlacedItems ? iterable.place() : `item ${n++}`;
      const { id, vector, metadata } = readOptions<ImportItem>(item, place, ['id', 'vector', 'metadata']);
      yield check.entry(id, vector, metadata, place, true);
    }
  }
  return { entries: entries(), progress: () => ({ done: 0, total: 0 }), close: async () => {} };
}

function lineStream(path: string, check: EntryCheck): Stream {
  let done = 0;
  let total = 0;
  async function* entries(): AsyncGenerator<Entry> {
    for await (const line of readLines(path)) {
      const place = `${path}:${line.number}`;
      const { id, vector, metadata } = parseLine(line, place);
      const wanted = check.spaces === undefined ? Array.isArray(vector) : typeof vector === 'object' && vector !== null;
      if (!wanted) throw damaged(place, `expected a vector, got ${show(vector)}`);
      done = line.end;
      total = line.size;
      yield check.entry(id, vector, metadata, place);
    }
  }
  return { entries: entries(), progress: () => ({ done, total }), close: async () => {} };
}

async function folderStream(items: string, vectors: string, check: EntryCheck): Promise<Stream> {
  if (check.spaces !== undefined) {
    const problem =
      'source: expected a file that ends in .jsonl, since an npy file has one vector per item, got a folder';
    throw new SageDBError('INVALID_ARGUMENT', problem);
  }
  const npy = await NpyReader.open(vectors);
  const { rows, columns } = npy.header;
  let done = 0;
  async function* entries(): AsyncGenerator<Entry> {
    if (columns !== check.dimension) {
      const problem = `${vectors}: vectors of ${columns} components, the database has ${check.dimension}`;
      throw new SageDBError('DIMENSION_MISMATCH', problem);
    }
    // Whole pages: one read each.
    const page = Math.max(1, Math.floor((1 << 20) / (columns * 4)));
    let values = new Float32Array(0);
    for await (const line of readLines(items)) {
      const place = `${items}:${line.number}`;
      const { id, metadata } = parseLine(line, place, ['id', 'metadata']);
      if (done === rows) throw damaged(place, `${vectors} has only ${rows} rows`);
      const at = done % page;
      if (at === 0) values = (await npy.read(page)) as typeof values;
      done++;
      yield check.entry(id, values.subarray(at * columns, (at + 1) * columns), metadata, place);
    }
    if (done < rows) throw damaged(items, `${done} lines for the ${rows} rows of ${vectors}`);
  }
  return { entries: entries(), progress: () => ({ done, total: rows }), close: () => npy.close() };
}

/** The object of a line, which has nothing but the `known` fields: what an import does not take must not get lost unnoticed. */
export function parseLine(
  line: Line,
  place: string,
  known: readonly string[] = ['id', 'vector', 'metadata'],
): { id?: unknown; vector?: unknown; metadata?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch (cause) {
    throw new SageDBError('CORRUPTION', `${place}: not JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw damaged(place, `expected an object with id and metadata, got ${show(value)}`);
  const other = Object.keys(value).find((name) => !known.includes(name));
  if (other !== undefined) {
    const problem = `${place}: unknown field ${show(other)}; an item has ${known.join(', ')}, everything else belongs into its metadata`;
    throw new SageDBError('INVALID_ARGUMENT', problem);
  }
  return value;
}

function damaged(place: string, problem: string): SageDBError {
  return new SageDBError('CORRUPTION', `${place}: ${problem}`);
}
