import { abortedError, invalidArgument } from './errors.js';
import { integerIn, longOptions, readOptions } from './options.js';
import type { AnyVector } from './results.js';
import type {
  DuplicateOptions,
  Id,
  IterateOptions,
  RawBatchSearchResult,
  RawSearchOptions,
  SpaceInfo,
} from './types.js';

/** Items whose neighbors are searched for at a time. */
const PIECE = 256;

/** What is needed of a database. */
interface Source {
  readonly dimension: number;
  readonly spaces?: Readonly<Record<string, SpaceInfo>>;
  count(filter?: never): Promise<number>;
  iterate(filter: never, options: IterateOptions<true>): AsyncIterable<{ id: Id; vector: AnyVector }>;
  batchSearchRaw(queries: Float32Array, options: RawSearchOptions<never>): Promise<RawBatchSearchResult>;
}

/** Disjoint sets with path halving. */
class Groups {
  readonly #parent: number[] = [];
  add(): number {
    return this.#parent.push(this.#parent.length) - 1;
  }
  find(i: number): number {
    let at = i;
    while (this.#parent[at] !== at) {
      this.#parent[at] = this.#parent[this.#parent[at] as number] as number;
      at = this.#parent[at] as number;
    }
    return at;
  }
  /** The earlier item stays the first of its group. */
  join(a: number, b: number): void {
    const [x, y] = [this.find(a), this.find(b)];
    this.#parent[Math.max(x, y)] = Math.min(x, y);
  }
}

export async function findDuplicates(db: Source, value: unknown): Promise<Id[][]> {
  const o = readOptions<DuplicateOptions<object, string>>(value, 'options', [
    'radius',
    'space',
    'filter',
    'neighbors',
    'recall',
    'exact',
    'signal',
    'onProgress',
  ]);
  if (o.radius === undefined) throw invalidArgument('options.radius', 'a number', undefined);
  const { signal, onProgress } = longOptions(o, 'options');
  const k = 1 + (o.neighbors === undefined ? 16 : integerIn(o.neighbors, 'options.neighbors', 1, 1000));
  const { radius, recall, exact } = o;
  const space = o.space as never;
  const { dimension, vectorOf } = vectorsIn(db, o.space);
  const filter = o.filter as never;
  const search: RawSearchOptions<never> = {
    k,
    radius,
    filter,
    recall,
    exact,
    signal,
    ...(space === undefined ? {} : { space }),
  };
  const total = await db.count(filter);
  const groups = new Groups();
  const numbers = new Map<Id, number>();
  const ids: Id[] = [];
  const numberOf = (id: Id) => {
    let number = numbers.get(id);
    if (number === undefined) {
      number = groups.add();
      numbers.set(id, number);
      ids.push(id);
    }
    return number;
  };
  let done = 0;
  const link = async (piece: { id: Id; vector: Float32Array }[]) => {
    if (signal?.aborted) throw abortedError(signal);
    const queries = new Float32Array(piece.length * dimension);
    for (const [i, item] of piece.entries()) queries.set(item.vector, i * dimension);
    const found = await db.batchSearchRaw(queries, search);
    for (const [i, item] of piece.entries()) {
      const own = numberOf(item.id);
      for (let hit = found.offsets[i] as number; hit < (found.offsets[i + 1] as number); hit++) {
        groups.join(own, numberOf(found.stringIds?.[hit] ?? (found.ids[hit] as number)));
      }
    }
    done += piece.length;
    onProgress?.({ done, total: Math.max(done, total) });
  };
  let piece: { id: Id; vector: Float32Array }[] = [];
  for await (const { id, vector } of db.iterate(filter, { includeVector: true, pageSize: PIECE })) {
    const own = vectorOf(vector);
    if (own === undefined) continue;
    piece.push({ id, vector: own });
    if (piece.length < PIECE) continue;
    await link(piece);
    piece = [];
  }
  if (piece.length > 0) await link(piece);
  if (done < total) onProgress?.({ done: total, total });
  return collect(groups, ids);
}

/** How long the vectors of a search in this space are, and which of an item's they are. */
function vectorsIn(
  db: Source,
  space: string | undefined,
): { dimension: number; vectorOf: (vector: AnyVector) => Float32Array | undefined } {
  const names = Object.keys(db.spaces ?? {});
  if (names.length === 0 && space === undefined) {
    return { dimension: db.dimension, vectorOf: (vector) => vector as Float32Array };
  }
  const name = space === undefined && names.length === 1 ? (names[0] as string) : space;
  const info = name !== undefined && names.includes(name) ? db.spaces?.[name] : undefined;
  if (info === undefined) throw invalidArgument('options.space', `one of the spaces ${names.join(', ')}`, space);
  return { dimension: info.dimension, vectorOf: (vector) => (vector as Record<string, Float32Array>)[name as string] };
}

function collect(groups: Groups, ids: readonly Id[]): Id[][] {
  const members = new Map<number, Id[]>();
  for (const [i, id] of ids.entries()) {
    const root = groups.find(i);
    const list = members.get(root);
    if (list) list.push(id);
    else members.set(root, [id]);
  }
  return [...members.values()].filter((list) => list.length > 1);
}
