import { type Examples, examplesOf, exampleVector } from './examples.js';
import { readOptions } from './options.js';
import { REFINE_NAMES, type Refinement, refinedSearch, refinementOf } from './refine.js';
import type { Row } from './results.js';
import { NAMES, type SearchSpec, searchSpec, specOf } from './search-options.js';
import type { Id, Metric, RefinedSearchOptions } from './types.js';

/** What a search of items needs of its database. */
export interface SearchContext {
  metric: Metric;
  dimension: number;
  /** Throws once the database is closed. */
  requireOpen(): void;
  search(vector: unknown, spec: SearchSpec): Promise<Row[]>;
  get(ids: Id[]): Promise<({ vector?: Float32Array } | undefined)[]>;
  /** A checked copy of a query vector. */
  copy(vector: unknown): Float32Array;
}

/** Everything that `search` can do; a plain search goes to the engine as it is. */
export function searchItems(query: unknown, options: unknown, db: SearchContext): Promise<Row[]> {
  const examples = examplesOf(query);
  if (options === undefined && examples === undefined)
    return db.search(query, searchSpec(undefined, db.metric, false, false));
  const o = readOptions<RefinedSearchOptions>(options, 'options', [...NAMES, ...REFINE_NAMES]);
  const spec = specOf(o, db.metric, false);
  const exclude = new Set<Id>(examples ? [...examples.positive, ...examples.negative] : []);
  const refinement = refinementOf(o, spec.k, exclude);
  db.requireOpen();
  if (refinement === undefined) return db.search(query, spec);
  // The search may be repeated; the caller may reuse its array meanwhile.
  return refined(examples ?? db.copy(query), spec, refinement, db);
}

async function refined(
  query: Examples | Float32Array,
  spec: SearchSpec,
  refinement: Refinement,
  db: SearchContext,
): Promise<Row[]> {
  const vector =
    query instanceof Float32Array
      ? query
      : exampleVector(query, await db.get([...query.positive, ...query.negative]), db.metric, db.dimension);
  const search = (inner: SearchSpec) => {
    db.requireOpen();
    return db.search(vector, inner);
  };
  return refinedSearch(search, spec, refinement, db.metric);
}
