import { invalidArgument, messageOf, SageDBError } from './errors.js';
import { checkId } from './ids.js';
import { stringifyMetadata } from './metadata.js';
import type { NativeWriteGroup } from './native.js';
import type { NamedSource } from './spaces.js';
import { TimeSlice } from './turn.js';
import type { Id, LongOptions } from './types.js';
import { COPIED_AT_ONCE_BYTES, type VectorSource } from './vectors.js';
import type { Outcome, WRITE, WriteQueue } from './write-queue.js';

/** Copied between two looks at the clock. */
const PIECE_BYTES = 64 << 10;

export interface Batch extends LongOptions {
  kind: typeof WRITE.add | typeof WRITE.upsert | typeof WRITE.replaceWhere;
  /** replaceWhere: what the rows take the place of. */
  filter?: string | undefined;
  source: VectorSource | NamedSource;
  metadata: unknown;
  ids: unknown;
}

/** A list as long as the batch. The list itself is copied; its members are read slice by slice. */
function listOf(value: unknown, field: string, rows: number): readonly unknown[] | undefined {
  if (value === undefined) return undefined;
  let list: readonly unknown[] | undefined;
  try {
    if (Array.isArray(value)) list = value.slice();
  } catch (cause) {
    throw new SageDBError('INVALID_ARGUMENT', `${field}: reading it failed: ${messageOf(cause)}`, { cause });
  }
  if (!list) throw invalidArgument(field, 'an array with one entry per vector', value);
  if (list.length !== rows) {
    throw new SageDBError('INVALID_ARGUMENT', `${field}: expected ${rows} entries, one per vector, got ${list.length}`);
  }
  return list;
}

/** Throws when metadata or ids do not fit the number of rows. */
export function checkLists(batch: Batch): void {
  listOf(batch.metadata, 'metadata', batch.source.rows);
  listOf(batch.ids, 'options.ids', batch.source.rows);
}

/** Appends the rows of a batch to a write group, piece by piece. */
class BatchFiller {
  readonly #source: VectorSource | NamedSource;
  readonly #metadata: readonly unknown[] | undefined;
  readonly #given: readonly unknown[] | undefined;
  readonly ids: Id[] | undefined;
  readonly #step: number;
  done = 0;

  constructor(batch: Batch) {
    this.#source = batch.source;
    this.#metadata = listOf(batch.metadata, 'metadata', batch.source.rows);
    this.#given = listOf(batch.ids, 'options.ids', batch.source.rows);
    this.ids = this.#given && [];
    this.#step = Math.max(1, Math.floor(PIECE_BYTES / (batch.source.dimension * 4)));
  }

  get finished(): boolean {
    return this.done >= this.#source.rows;
  }

  /** Appends the next piece. */
  fill(group: NativeWriteGroup): void {
    const to = Math.min(this.done + this.#step, this.#source.rows);
    const ids = this.#ids(this.done, to);
    const texts = this.#texts(this.done, to);
    // Last, because no code of the caller may run between the check of its memory and the copy.
    group.extend(this.#source.read(this.done, to), ids, texts, this.#source.given);
    this.done = to;
  }

  #ids(from: number, to: number): Id[] | undefined {
    if (!this.#given || !this.ids) return undefined;
    const piece: Id[] = [];
    for (let i = from; i < to; i++) piece.push(checkId(this.#given[i], `options.ids[${i}]`));
    for (const id of piece) this.ids.push(id);
    return piece;
  }

  #texts(from: number, to: number): string[] | undefined {
    if (!this.#metadata) return undefined;
    const texts: string[] = [];
    for (let i = from; i < to; i++) {
      const value = this.#metadata[i];
      texts.push(value === undefined ? '{}' : stringifyMetadata(value, `metadata[${i}]`));
    }
    return texts;
  }
}

/** What became of a batch: the ids of its rows, and how many items they took the place of. */
export interface BatchOutcome {
  ids: Id[];
  removed: number;
}

/**
 * One atomic batch of at least one row. Small ones are copied before this returns, large ones over several turns. `requireOpen` is asked after the
 * caller's code may have run.
 */
export function addBatch(writes: WriteQueue, batch: Batch, requireOpen: () => void): Promise<BatchOutcome> {
  const { source, kind, signal, onProgress } = batch;
  const filler = new BatchFiller(batch);
  const total = source.rows;
  requireOpen();
  let callbackError: { error: unknown } | undefined;
  const report = () => {
    try {
      onProgress?.({ done: filler.done, total });
    } catch (error) {
      callbackError = { error };
      throw error;
    }
  };
  const atOnce = source.bytes <= COPIED_AT_ONCE_BYTES;
  const fill = async (group: NativeWriteGroup) => {
    const slice = new TimeSlice();
    while (!filler.finished) {
      filler.fill(group);
      if (atOnce || filler.finished || !slice.over) continue;
      report();
      await slice.pause();
      if (signal?.aborted) return;
    }
    report();
  };
  const settle = ({ firstAssigned, affected }: Outcome): BatchOutcome => ({
    ids: filler.ids ?? Array.from({ length: total }, (_, i) => firstAssigned + i),
    removed: affected,
  });

  const header = { kind, filter: batch.filter, count: total, floats: total * source.dimension };
  return writes.submitBulk(header, signal, fill, settle).catch((error: unknown) => {
    throw callbackError ? callbackError.error : error;
  });
}
