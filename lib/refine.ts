// What a search can do with its hits beyond ranking them: groups, diversity, a rerank hook, paging.
import { invalidArgument, SageDBError, show } from './errors.js';
import { integerIn } from './options.js';
import { valueAt } from './paths.js';
import type { Row } from './results.js';
import { MAX_K, type SearchSpec } from './search-options.js';
import type { Space } from './spaces.js';
import type { Id, Metric, RefinedSearchOptions } from './types.js';

export interface Refinement {
  offset: number;
  groupBy: string | undefined;
  groupSize: number;
  /** Weight of relevance against diversity; undefined: none. */
  lambda: number | undefined;
  rerank: ((hits: Row[]) => unknown) | undefined;
  /** Hits that diversity and the hook choose from. */
  candidates: number;
  /** Never returned: the examples that were searched with. */
  exclude: ReadonlySet<Id>;
}

export const REFINE_NAMES = ['offset', 'groupBy', 'groupSize', 'diversity', 'rerank', 'candidates'] as const;

/** Undefined when nothing is asked for: the search is what the engine answers. */
export function refinementOf(
  o: Partial<RefinedSearchOptions>,
  k: number,
  exclude: ReadonlySet<Id>,
): Refinement | undefined {
  const asked = REFINE_NAMES.some((name) => o[name] !== undefined);
  if (!asked && exclude.size === 0) return undefined;
  const offset = o.offset === undefined ? 0 : integerIn(o.offset, 'options.offset', 0, MAX_K);
  if (o.groupBy !== undefined && typeof o.groupBy !== 'string')
    throw invalidArgument('options.groupBy', 'a path', o.groupBy);
  if (o.groupSize !== undefined && o.groupBy === undefined) {
    throw new SageDBError('INVALID_ARGUMENT', 'options.groupSize: expected options.groupBy with it, got none');
  }
  if (o.rerank !== undefined && typeof o.rerank !== 'function')
    throw invalidArgument('options.rerank', 'a function', o.rerank);
  const wanted = k + offset;
  const chooses = o.diversity !== undefined || o.rerank !== undefined;
  return {
    offset,
    groupBy: o.groupBy,
    groupSize: o.groupSize === undefined ? 1 : integerIn(o.groupSize, 'options.groupSize', 1, MAX_K),
    lambda: o.diversity === undefined ? undefined : lambdaOf(o.diversity),
    rerank: o.rerank as unknown as Refinement['rerank'],
    candidates: candidatesOf(o.candidates, wanted, chooses),
    exclude,
  };
}

function lambdaOf(value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return 1 - value;
  throw invalidArgument('options.diversity', 'a number from 0 to 1', value);
}

function candidatesOf(value: unknown, wanted: number, chooses: boolean): number {
  if (value === undefined) return chooses ? Math.min(MAX_K, Math.max(50, 4 * wanted)) : wanted;
  if (!chooses) {
    throw new SageDBError(
      'INVALID_ARGUMENT',
      'options.candidates: expected options.diversity or options.rerank with it, got neither',
    );
  }
  return integerIn(value, 'options.candidates', wanted, MAX_K);
}

/** `search` answers one spec from one snapshot; the last answer alone makes the result. */
export async function refinedSearch(
  search: (spec: SearchSpec) => Promise<Row[]>,
  spec: SearchSpec,
  refinement: Refinement,
  space: Space,
): Promise<Row[]> {
  const { groupBy, lambda, rerank, offset, candidates, exclude } = refinement;
  const inner: SearchSpec = {
    ...spec,
    metadata: spec.metadata || groupBy !== undefined || rerank !== undefined,
    vector: spec.vector || lambda !== undefined,
  };
  let rows = await enoughRows(search, inner, refinement, candidates + exclude.size);
  rows = rows.slice(0, candidates);
  if (lambda !== undefined) rows = diverse(rows, rerank ? candidates : offset + spec.k, lambda, space);
  return rerank === undefined ? strip(rows.slice(offset, offset + spec.k), spec) : rerankedPage(rows, spec, refinement);
}

/** The page that is left of the candidates after the hook had them. */
export async function rerankedPage(rows: Row[], spec: SearchSpec, { rerank, offset }: Refinement): Promise<Row[]> {
  strip(rows, { ...spec, metadata: true });
  const ordered = await reranked(rows, rerank as NonNullable<Refinement['rerank']>);
  return strip(ordered.slice(offset, offset + spec.k), spec);
}

/** Widens the search until the groups leave enough hits or there are no more. */
async function enoughRows(
  search: (spec: SearchSpec) => Promise<Row[]>,
  spec: SearchSpec,
  { groupBy, groupSize, candidates, exclude }: Refinement,
  first: number,
): Promise<Row[]> {
  for (let k = Math.min(MAX_K, groupBy === undefined ? first : 4 * first); ; k = Math.min(MAX_K, 4 * k)) {
    const found = await search({ ...spec, k });
    let rows = exclude.size === 0 ? found : found.filter((row) => !exclude.has(row.id));
    if (groupBy !== undefined) rows = grouped(rows, groupBy, groupSize);
    if (rows.length >= candidates || found.length < k || k === MAX_K) return rows;
  }
}

/** At most `size` hits of each group, in their order. Hits without a value stand for themselves. */
function grouped(rows: Row[], path: string, size: number): Row[] {
  const counts = new Map<unknown, number>();
  return rows.filter((row) => {
    const value = valueAt(row.metadata as object, path);
    if (value === undefined || value === null) return true;
    const key =
      typeof value === 'object' ? `json ${JSON.stringify(value)}` : typeof value === 'string' ? `text ${value}` : value;
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    return count < size;
  });
}

/**
 * Maximal marginal relevance (Carbonell, Goldstein 1998): repeatedly takes the hit with the best
 * lambda * similarity to the query - (1 - lambda) * largest similarity to what was taken.
 */
function diverse(rows: Row[], count: number, lambda: number, { name, metric }: Space): Row[] {
  const relevance = rows.map((row) => (metric === 'l2' ? -row.score : row.score));
  const vectors = rows.map(({ vector }) => (vector instanceof Float32Array ? vector : vector?.[name]) as Float32Array);
  const similarity = similarityOf(vectors, metric);
  const redundancy = new Array<number>(rows.length).fill(Number.NEGATIVE_INFINITY);
  const left = new Set(rows.keys());
  const taken: Row[] = [];
  while (taken.length < count && left.size > 0) {
    let best = -1;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (const i of left) {
      const penalty = taken.length === 0 ? 0 : (1 - lambda) * (redundancy[i] as number);
      const score = lambda * (relevance[i] as number) - penalty;
      if (best < 0 || score > bestScore) {
        best = i;
        bestScore = score;
      }
    }
    left.delete(best);
    taken.push(rows[best] as Row);
    for (const i of left) redundancy[i] = Math.max(redundancy[i] as number, similarity(best, i));
  }
  return taken;
}

/** Similarity of two hits in the unit of relevance: larger is more alike. */
function similarityOf(vectors: readonly Float32Array[], metric: Metric): (a: number, b: number) => number {
  const dot = (a: Float32Array, b: Float32Array) => {
    let sum = 0;
    for (let d = 0; d < a.length; d++) sum += (a[d] as number) * (b[d] as number);
    return sum;
  };
  if (metric === 'ip') return (a, b) => dot(vectors[a] as Float32Array, vectors[b] as Float32Array);
  if (metric === 'cosine') {
    const norms = vectors.map((v) => Math.sqrt(dot(v, v)));
    return (a, b) =>
      dot(vectors[a] as Float32Array, vectors[b] as Float32Array) / ((norms[a] as number) * (norms[b] as number));
  }
  return (a, b) => {
    const x = vectors[a] as Float32Array;
    const y = vectors[b] as Float32Array;
    let sum = 0;
    for (let d = 0; d < x.length; d++) sum += ((x[d] as number) - (y[d] as number)) ** 2;
    return -Math.sqrt(sum);
  };
}

async function reranked(rows: Row[], rerank: (hits: Row[]) => unknown): Promise<Row[]> {
  const known = new Set(rows.map((row) => row.id));
  const answer = await rerank(rows);
  if (!Array.isArray(answer)) throw invalidArgument('options.rerank', 'a function that gives an array of hits', answer);
  for (const [i, row] of answer.entries()) {
    const id = (row as Row | null | undefined)?.id as Id;
    if (!known.delete(id)) {
      throw new SageDBError(
        'INVALID_ARGUMENT',
        `options.rerank: element ${i} of its answer is not one of the hits it was given, or there twice (id ${show(id)})`,
      );
    }
  }
  return answer as Row[];
}

/** Takes off what was read for the refinement only. */
function strip(rows: Row[], spec: SearchSpec): Row[] {
  for (const row of rows) {
    if (!spec.metadata) delete row.metadata;
    if (!spec.vector) delete row.vector;
  }
  return rows;
}
