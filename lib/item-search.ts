import type { Details, ExplainedRows } from './detailed-search.js';
import { SageDBError } from './errors.js';
import { type Examples, examplesOf, exampleVector } from './examples.js';
import { booleanOf, readOptions } from './options.js';
import type { Reads } from './reads.js';
import { REFINE_NAMES, type Refinement, refinedSearch, refinementOf } from './refine.js';
import { asRows } from './results.js';
import type { Searches } from './search.js';
import { NAMES, type SearchSpec, searchSpec, specOf } from './search-options.js';
import { type Layout, queryOf, spaceAt } from './spaces.js';
import { mergedOptions, splitTextQuery, textPart, vectorsPart } from './text-query.js';
import type { Id, RefinedSearchOptions } from './types.js';

/** What a search of items needs of its database. */
export interface SearchContext {
  layout: Layout;
  searches: Searches;
  reads: Reads;
  /** Throws once the database is closed. */
  requireOpen(): void;
}

/** The options of `search`. */
export const SEARCH_NAMES = [...NAMES, ...REFINE_NAMES, 'explain'] as const;

const NONE: ReadonlySet<Id> = new Set();

/** Everything that `search` can do; a plain search goes to the engine as it is. */
export function searchItems(query: unknown, options: unknown, db: SearchContext): Promise<ExplainedRows> {
  const examples = examplesOf(query);
  const split = examples ? undefined : splitTextQuery(query, SEARCH_NAMES);
  if (options === undefined && examples === undefined && split === undefined)
    return db.searches.one(query, searchSpec(undefined, db.layout, false, false), asRows);
  const own = readOptions<RefinedSearchOptions>(options, 'options', SEARCH_NAMES);
  const o = split ? mergedOptions(split.options, own) : own;
  const vectors = split && vectorsPart(split.query, db.layout);
  const text = split && textPart(split.query, db.searches.textFields, vectors);
  if (split) checkObjectOptions(o, text?.vector !== undefined, vectors !== undefined);
  const spec = specOf(o, db.layout, false, split === undefined || text?.vector !== undefined);
  const exclude = examples ? new Set([...examples.positive, ...examples.negative]) : NONE;
  const refinement = refinementOf(o, spec.k, exclude);
  const explain = o.explain === undefined ? false : booleanOf(o.explain, 'options.explain');
  const details = split || explain ? { text, vectors, explain } : undefined;
  db.requireOpen();
  if (refinement === undefined && details === undefined) return db.searches.one(query, spec, asRows);
  // The search may be repeated; the caller may reuse its array meanwhile.
  const vector = split ? text?.vector : query;
  const copy = examples || vector === undefined ? examples : queryOf(db.layout, vector, spec.space).slice();
  return refined(copy, spec, refinement, details, db);
}

function checkObjectOptions(o: Partial<RefinedSearchOptions>, hybrid: boolean, several: boolean): void {
  // Their units are those of vectors of one space alone.
  if (o.diversity !== undefined) {
    throw new SageDBError('INVALID_ARGUMENT', 'options.diversity: expected a query without text, in one space');
  }
  for (const name of several ? (['radius', 'space'] as const) : []) {
    if (o[name] !== undefined) {
      throw new SageDBError('INVALID_ARGUMENT', `options.${name}: expected query.vector with it, got query.vectors`);
    }
  }
  for (const name of ['ef', 'recall', 'radius', 'exact', 'space'] as const) {
    if (hybrid || several || o[name] === undefined) continue;
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
      : exampleVector(
          query,
          await db.reads.get([...query.positive, ...query.negative], true),
          spaceAt(db.layout, spec.space),
        );
  let last: ExplainedRows = [];
  const search = async (inner: SearchSpec) => {
    db.requireOpen();
    last = await (details ? db.searches.detailed(vector, inner, details) : db.searches.one(vector, inner, asRows));
    return last;
  };
  if (refinement === undefined) return search(spec);
  const rows: ExplainedRows = await refinedSearch(search, spec, refinement, spaceAt(db.layout, spec.space));
  if (last.explain) rows.explain = last.explain;
  return rows;
}
