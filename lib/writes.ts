import { columnsOf } from './columns.js';
import { abortedError, SageDBError } from './errors.js';
import { checkId, checkIds } from './ids.js';
import { stringifyMetadata } from './metadata.js';
import { longOptions, readOptions } from './options.js';
import { type Layout, NamedSource, type PackedVectors } from './spaces.js';
import type {
  AddBatchOptions,
  AddOptions,
  Id,
  ItemPatch,
  LongOptions,
  NewItem,
  Replaced,
  VectorInput,
} from './types.js';
import { goodFloats, VectorSource } from './vectors.js';
import { addBatch, checkLists } from './write-batch.js';
import { type Outcome, WRITE, type WriteQueue } from './write-queue.js';

/** What the writes of one database object need of it. */
export interface WriteContext {
  readonly queue: WriteQueue;
  readonly layout: Layout;
  /** Asked again after the caller's code may have run: a getter of its input may close the database. */
  readonly requireOpen: () => void;
}

/** What an item brings, checked. */
function packed({ spaces, dimension, metric }: Layout, vector: unknown, field: string): PackedVectors {
  if (spaces === undefined) {
    return { floats: goodFloats(vector as VectorInput, dimension, metric === 'cosine', field), given: undefined };
  }
  const staging = new Float32Array(dimension);
  const given = spaces.copyRow(vector, staging, 0, field);
  return { floats: staging.subarray(0, spaces.components(given)), given: Uint32Array.of(given) };
}

function sourceOf({ spaces, dimension, metric }: Layout, vectors: unknown, field: string): VectorSource | NamedSource {
  if (spaces !== undefined) return new NamedSource(vectors, { spaces, dimension }, field);
  return new VectorSource(vectors, dimension, metric === 'cosine', field);
}

type PutKind = typeof WRITE.add | typeof WRITE.upsert;

const NO_VECTORS = { floats: undefined, given: undefined };

export function put(
  db: WriteContext,
  kind: PutKind,
  vector: unknown,
  metadata: object | undefined,
  options: AddOptions | undefined,
): Promise<Id> {
  const o = readOptions<AddOptions>(options, 'options', ['id']);
  const id = o.id === undefined ? undefined : checkId(o.id);
  const { floats, given } = packed(db.layout, vector, 'vector');
  const texts = metadata === undefined ? undefined : [stringifyMetadata(metadata)];
  db.requireOpen();
  return db.queue.submit<Id>(
    { kind, count: 1 },
    (group) => group.extend(floats, id === undefined ? undefined : [id], texts, given),
    (outcome: Outcome) => id ?? outcome.firstAssigned,
  );
}

export function putBatch(
  db: WriteContext,
  kind: PutKind,
  vectors: unknown,
  metadata: readonly (object | undefined)[] | undefined,
  options: AddBatchOptions | undefined,
): Promise<Id[]> {
  const o = readOptions<AddBatchOptions>(options, 'options', ['ids', 'signal', 'onProgress']);
  const long = longOptions(o, 'options');
  if (long.signal?.aborted) throw abortedError(long.signal);
  const source = sourceOf(db.layout, vectors, 'vectors');
  const batch = { kind, source, metadata, ids: o.ids, ...long };
  if (source.rows > 0) return addBatch(db.queue, batch, db.requireOpen).then(({ ids }) => ids);
  checkLists(batch);
  db.requireOpen();
  return Promise.resolve([]);
}

export function update(db: WriteContext, id: Id, patch: object): Promise<boolean> {
  const checked = checkId(id);
  const { vector, metadata } = readOptions<ItemPatch>(patch, 'patch', ['vector', 'metadata']);
  if (vector === undefined && metadata === undefined) {
    throw new SageDBError('INVALID_ARGUMENT', 'patch: expected a vector, metadata or both, got neither');
  }
  const { floats, given } = vector === undefined ? NO_VECTORS : packed(db.layout, vector, 'vector');
  const texts = metadata === undefined ? undefined : [stringifyMetadata(metadata, 'patch.metadata')];
  db.requireOpen();
  return db.queue.submit(
    { kind: WRITE.update, count: 1 },
    (group) => group.extend(floats, [checked], texts, given),
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
export function replaceWhere(
  db: WriteContext,
  filter: string,
  rows: readonly object[],
  options: LongOptions | undefined,
): Promise<Replaced> {
  const o = readOptions<LongOptions>(options, 'options', ['signal', 'onProgress']);
  const long = longOptions(o, 'options');
  if (long.signal?.aborted) throw abortedError(long.signal);
  const { vectors, metadata, ids } = columnsOf(rows as readonly NewItem<object>[]);
  const source = sourceOf(db.layout, vectors, 'rows');
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
