import { invalidArgument, SageDBError } from './errors.js';
import { checkDistinct, checkId } from './ids.js';
import { readOptions } from './options.js';
import type { Id, NewItem, VectorInput } from './types.js';

/** Rows as the lists that a batch takes. */
export function columnsOf<M extends object>(
  rows: readonly NewItem<M>[],
): { vectors: VectorInput[]; metadata: (M | undefined)[]; ids: Id[] | undefined } {
  if (!Array.isArray(rows)) throw invalidArgument('rows', 'an array of { vector, metadata, id }', rows);
  const vectors: VectorInput[] = [];
  const metadata: (M | undefined)[] = [];
  const ids: Id[] = [];
  for (let i = 0; i < rows.length; i++) {
    const field = `rows[${i}]`;
    const row: unknown = rows[i];
    if (row === undefined) throw invalidArgument(field, 'an object', row);
    const { vector, metadata: data, id } = readOptions<NewItem<M>>(row, field, ['vector', 'metadata', 'id']);
    if (vector === undefined) throw invalidArgument(`${field}.vector`, 'a vector', vector);
    vectors.push(vector);
    metadata.push(data);
    if (id !== undefined) ids.push(checkId(id, `${field}.id`));
    if (ids.length !== 0 && ids.length !== i + 1) {
      throw new SageDBError('INVALID_ARGUMENT', `${field}.id: expected an id on every row or on none`);
    }
  }
  if (ids.length > 0) checkDistinct(ids);
  return { vectors, metadata, ids: ids.length > 0 ? ids : undefined };
}
