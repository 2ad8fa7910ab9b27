import type { Details, ExplainedRows } from './detailed-search.js';
import { SageDBError } from './errors.js';
import { type Examples, examplesOf, exampleVector } from './examples.js';
import { booleanOf, readOptions } from './options.js';
import type { Reads } from './reads.js';
import { REFINE_NAMES, type Refinement, refinedSearch, refinementOf } from './refine.js';
import { asRows } from './results.js';
import type { Searches } from './search.js';
import { NAMES, type SearchSpec, searchSpec, specOf } from './search-options.js';
import { mergedOptions, splitTextQuery, textPart } from './text-query.js';
import type { Id, Metric, RefinedSearchOptions } from './types.js';

/** What a search of items needs of its database. */
export interface SearchContext {
  metric: Metric;
  dimension: number;
  searches: Searches;
  reads: Reads;
  /** Throws once the database is closed. */
  requireOpen(): void;
  /** A checked copy of a query vector. */
  copy(vector: unknown): Float32Array;
}

/** The options of `search`. */
export const SEARCH_NAMES = [...NAMES, ...REFINE_NAMES, 'explain'] as const;

/** Everything that `search` can do; a plain search goes to the engine as it is. */
export function searchItems(query: unknown, options: unknown, db: SearchContext): Promise<ExplainedRows> {
  const examples = examplesOf(query);
  const split = examples ? undefined : splitTextQuery(query, SEARCH_NAMES);
  if (options === undefined && examples === undefined && split === undefined)
    return db.searches.one(query, searchSpec(undefined, db.metric, false, false), asRows);
  const own = readOptions<RefinedSearchOptions>(options, 'options', SEARCH_NAMES);
  const o = split ? mergedOptions(split.options, own) : own;
  const text = split && textPart(split.query, db.searches.textFields);
  if (text) checkTextOptions(o, text.vector !== undefined);
  const spec = specOf(o, db.metric, false);
  const exclude = new Set<Id>(examples ? [...examples.positive, ...examples.negative] : []);
  const refinement = refinementOf(o, spec.k, exclude);
  const explain = o.explain === undefined ? false : booleanOf(o.explain, 'options.explain');
  const details = text || explain ? { text, explain } : undefined;
  db.requireOpen();
  if (refinement === undefined && details === undefined) return db.searches.one(query, spec, asRows);
  // The search may be repeated; the caller may reuse its array meanwhile.
  const vector = text ? text.vector : query;
  return refined(examples ?? (vector === undefined ? undefined : db.copy(vector)), spec, refinement, details, db);
}

function checkTextOptions(o: Partial<RefinedSearchOptions>, hybrid: boolean): void {
  // Its unit is that of vectors alone.
  if (o.diversity !== undefined) {
    throw new SageDBError('INVALID_ARGUMENT', 'options.diversity: expected a query without text');
  }
  for (const name of ['ef', 'recall', 'radius', 'exact'] as const) {
    if (hybrid || o[name] === undefined) continue;
    throw new SageDBError('INVALID_ARGUMENT', `options.${name}: expected query.vector with it, got none`);
  }
}

async function refined(
  query: Examples | Float32Array | undefined,
  spec: SearchSpec,
  refinement: Refinement | undefined,
  details: Details | undefined,
  db: SearchContext,
): Promise<ExplainedRows> {
  const vector =
    query instanceof Float32Array || query === undefined
      ? query
      : exampleVector(query, await db.reads.get([...query.positive, ...query.negative], true), db.metric, db.dimension);
  let last: ExplainedRows = [];
  const search = async (inner: SearchSpec) => {
    db.requireOpen();
    last = await (details ? db.searches.detailed(vector, inner, details) : db.searches.one(vector, inner, asRows));
    return last;
  };
  if (refinement === undefined) return search(spec);
  const rows: ExplainedRows = await refinedSearch(search, spec, refinement, db.metric);
  if (last.explain) rows.explain = last.explain;
  return rows;
}
