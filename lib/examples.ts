// More like this: query vectors made from items that are stored already.
import { invalidArgument, SageDBError, show } from './errors.js';
import { checkId, checkIds } from './ids.js';
import { readOptions } from './options.js';
import type { AnyVector } from './results.js';
import type { Space } from './spaces.js';
import type { ExampleQuery, Id, Metric } from './types.js';

export interface Examples {
  positive: Id[];
  negative: Id[];
}

const NAMES = ['id', 'positive', 'negative'] as const;

function namesExamples(query: object): boolean {
  try {
    return NAMES.some((name) => Object.hasOwn(query, name));
  } catch {
    return false; // a hostile proxy: the reader of vectors says what is wrong with it
  }
}

/** Undefined when the query is not about examples, and so has to be a vector. */
export function examplesOf(query: unknown): Examples | undefined {
  if (typeof query !== 'object' || query === null || Array.isArray(query) || ArrayBuffer.isView(query))
    return undefined;
  if (!namesExamples(query)) return undefined;
  const q = readOptions<{ id: Id; positive: Id[]; negative: Id[] }>(query as ExampleQuery, 'query', [
    'id',
    'positive',
    'negative',
  ]);
  if (q.id !== undefined) {
    if (q.positive !== undefined || q.negative !== undefined) {
      throw new SageDBError('INVALID_ARGUMENT', 'query: expected id, or positive and negative, got both');
    }
    return { positive: [checkId(q.id, 'query.id')], negative: [] };
  }
  const positive = listOf(q.positive, 'query.positive');
  if (positive.length === 0) throw invalidArgument('query.positive', 'at least one id', q.positive);
  return { positive, negative: listOf(q.negative, 'query.negative') };
}

function listOf(value: unknown, field: string): Id[] {
  if (value === undefined) return [];
  return checkIds(value, field);
}

/**
 * The mean of the positive examples, moved away from the mean of the negative ones by their difference: p + (p - n). Under cosine every
 * example counts by its direction alone.
 */
export function exampleVector(
  examples: Examples,
  items: readonly ({ vector?: AnyVector } | undefined)[],
  { name, metric, dimension }: Space,
): Float32Array {
  const vectors = items.map((item, i) => {
    const vector = item?.vector;
    if (vector instanceof Float32Array) return vector;
    if (vector?.[name] !== undefined) return vector[name];
    const id = show([...examples.positive, ...examples.negative][i]);
    const problem =
      vector === undefined ? `there is no item with the id ${id}` : `item ${id} has no vector in space '${name}'`;
    throw new SageDBError('NOT_FOUND', `query: ${problem}`);
  });
  const p = mean(vectors.slice(0, examples.positive.length), metric, dimension);
  if (examples.negative.length === 0) return p;
  const n = mean(vectors.slice(examples.positive.length), metric, dimension);
  return p.map((x, d) => 2 * x - (n[d] as number));
}

function mean(vectors: readonly Float32Array[], metric: Metric, dimension: number): Float32Array {
  const sum = new Float64Array(dimension);
  for (const vector of vectors) {
    let squares = 0;
    for (const x of vector) squares += x * x;
    const scale = metric === 'cosine' ? 1 / Math.sqrt(squares) : 1;
    for (let d = 0; d < dimension; d++) sum[d] = (sum[d] as number) + (vector[d] as number) * scale;
  }
  return Float32Array.from(sum, (x) => x / vectors.length);
}
