import { columnsOf } from './columns.js';
import { abortedError, SageDBError } from './errors.js';
import { checkId, checkIds } from './ids.js';
import { stringifyMetadata } from './metadata.js';
import { longOptions, readOptions } from './options.js';
import type {
  AddBatchOptions,
  AddOptions,
  Id,
  ItemPatch,
  LongOptions,
  NewItem,
  Replaced,
  VectorInput,
  VectorsInput,
} from './types.js';
import { goodFloats, VectorSource } from './vectors.js';
import { addBatch, checkLists } from './write-batch.js';
import { type Outcome, WRITE, type WriteQueue } from './write-queue.js';

/** What the writes of one database object need of it. */
export interface WriteContext {
  readonly queue: WriteQueue;
  readonly dimension: number;
  readonly cosine: boolean;
  /** Asked again after the caller's code may have run: a getter of its input may close the database. */
  readonly requireOpen: () => void;
}

type PutKind = typeof WRITE.add | typeof WRITE.upsert;

export function put(
  db: WriteContext,
  kind: PutKind,
  vector: VectorInput,
  metadata: object | undefined,
  options: AddOptions | undefined,
): Promise<Id> {
  const o = readOptions<AddOptions>(options, 'options', ['id']);
  const id = o.id === undefined ? undefined : checkId(o.id);
  const floats = goodFloats(vector, db.dimension, db.cosine, 'vector');
  const texts = metadata === undefined ? undefined : [stringifyMetadata(metadata)];
  db.requireOpen();
  return db.queue.submit<Id>(
    { kind, count: 1 },
    (group) => group.extend(floats, id === undefined ? undefined : [id], texts),
    (outcome: Outcome) => id ?? outcome.firstAssigned,
  );
}

export function putBatch(
  db: WriteContext,
  kind: PutKind,
  vectors: VectorsInput,
  metadata: readonly (object | undefined)[] | undefined,
  options: AddBatchOptions | undefined,
): Promise<Id[]> {
  const o = readOptions<AddBatchOptions>(options, 'options', ['ids', 'signal', 'onProgress']);
  const long = longOptions(o, 'options');
  if (long.signal?.aborted) throw abortedError(long.signal);
  const source = new VectorSource(vectors, db.dimension, db.cosine, 'vectors');
  const batch = { kind, source, metadata, ids: o.ids, ...long };
  if (source.rows > 0) return addBatch(db.queue, batch, db.requireOpen).then(({ ids }) => ids);
  checkLists(batch);
  db.requireOpen();
  return Promise.resolve([]);
}

export function update<M extends object>(db: WriteContext, id: Id, patch: ItemPatch<M>): Promise<boolean> {
  const checked = checkId(id);
  const { vector, metadata } = readOptions<ItemPatch<M>>(patch, 'patch', ['vector', 'metadata']);
  if (vector === undefined && metadata === undefined) {
    throw new SageDBError('INVALID_ARGUMENT', 'patch: expected a vector, metadata or both, got neither');
  }
  const floats = vector === undefined ? undefined : goodFloats(vector, db.dimension, db.cosine, 'vector');
  const texts = metadata === undefined ? undefined : [stringifyMetadata(metadata, 'patch.metadata')];
  db.requireOpen();
  return db.queue.submit(
    { kind: WRITE.update, count: 1 },
    (group) => group.extend(floats, [checked], texts),
    (outcome) => outcome.affected === 1,
  );
}

/** One id: whether it existed. Several: how many did. */
export function remove(db: WriteContext, target: Id | readonly Id[]): Promise<boolean | number> {
  const many = Array.isArray(target);
  const ids = many ? checkIds(target) : [checkId(target)];
  db.requireOpen();
  return db.queue.submit<boolean | number>(
    { kind: WRITE.remove, count: ids.length },
    (group) => group.extend(undefined, ids),
    (outcome) => (many ? outcome.affected : outcome.affected === 1),
  );
}

/** `filter` is the JSON text of a checked filter. */
export function replaceWhere<M extends object>(
  db: WriteContext,
  filter: string,
  rows: readonly NewItem<M>[],
  options: LongOptions | undefined,
): Promise<Replaced> {
  const o = readOptions<LongOptions>(options, 'options', ['signal', 'onProgress']);
  const long = longOptions(o, 'options');
  if (long.signal?.aborted) throw abortedError(long.signal);
  const { vectors, metadata, ids } = columnsOf(rows);
  const source = new VectorSource(vectors, db.dimension, db.cosine, 'rows');
  if (source.rows === 0) return removeWhere(db, filter).then((removed) => ({ removed, ids: [] }));
  return addBatch(db.queue, { kind: WRITE.replaceWhere, filter, source, metadata, ids, ...long }, db.requireOpen);
}

/** `filter` is the JSON text of a checked filter. */
export function removeWhere(db: WriteContext, filter: string): Promise<number> {
  db.requireOpen();
  return db.queue.submit(
    { kind: WRITE.removeWhere, count: 0, filter },
    () => {},
    (outcome) => outcome.affected,
  );
}
