import type { ExplainedRows } from '../detailed-search.js';
import { SageDBError } from '../errors.js';
import { type Examples, examplesOf } from '../examples.js';
import { compileFilter } from '../filter.js';
import { SEARCH_NAMES } from '../item-search.js';
import { readOptions } from '../options.js';
import { refinementOf, rerankedPage } from '../refine.js';
import { specOf } from '../search-options.js';
import { mergedOptions, type SplitQuery, splitTextQuery } from '../text-query.js';
import type { Metric, RefinedSearchOptions, SearchOptions, VectorInput } from '../types.js';
import type { Call, RemoteCalls } from './remote-calls.js';
import { oneVector } from './remote-vectors.js';

/** Everything but the hook is done by the server; the hook gets the candidates here. */
export async function searchRemotely(
  query: unknown,
  options: unknown,
  metric: Metric,
  calls: RemoteCalls,
): Promise<ExplainedRows> {
  const examples = examplesOf(query);
  const split = examples ? undefined : splitTextQuery(query, SEARCH_NAMES);
  const own = readOptions<RefinedSearchOptions>(options, 'options', SEARCH_NAMES);
  const o = split ? mergedOptions(split.options, own) : own;
  // A server serves no database that has some: see startServer().
  for (const [field, value] of [
    ['query.vectors', split?.query.vectors],
    ['options.space', o.space],
  ] as const) {
    if (value !== undefined) throw new SageDBError('INVALID_ARGUMENT', `${field}: a remote database has no spaces`);
  }
  const ask = (sent: Partial<RefinedSearchOptions>) => {
    const call = searchCall(sent);
    const { head, ...rest } = queryCall(query, examples, split, calls.dimension);
    return calls.rows({ ...call, ...rest, head: { ...call.head, ...head } });
  };
  if (o.rerank === undefined) return ask(o);
  const spec = specOf(o, { metric, dimension: calls.dimension, spaces: undefined }, false, true);
  const refinement = refinementOf(o, spec.k, new Set(examples && [...examples.positive, ...examples.negative]))!;
  const { rerank: _rerank, offset: _offset, candidates: _candidates, ...sent } = o;
  const { candidates } = refinement;
  const rows = await ask({
    ...sent,
    k: candidates,
    // Diversity orders as many as the hook gets.
    ...(o.diversity === undefined ? {} : { candidates }),
    includeMetadata: true,
  });
  const page: ExplainedRows = await rerankedPage(rows, spec, refinement);
  if (rows.explain) page.explain = rows.explain;
  return page;
}

/** What a query says, as part of a call. */
function queryCall(
  query: unknown,
  examples: Examples | undefined,
  split: SplitQuery | undefined,
  dimension: number,
): Pick<Call, 'name' | 'head' | 'floats'> {
  if (examples) return { name: 'searchLike', head: { ...examples } };
  if (!split) return { name: 'search', floats: oneVector(query as VectorInput, dimension, 'query') };
  const { vector, ...head } = split.query;
  const floats = vector === undefined ? {} : { floats: oneVector(vector, dimension, 'query.vector') };
  return { name: 'searchText', head, ...floats };
}

/** Search options as part of a call. */
export function searchCall(
  options: Partial<Omit<SearchOptions, 'filter'>> & { filter?: object | undefined },
): Pick<Call, 'head' | 'texts' | 'signal'> {
  const { signal, filter, ...head } = options;
  return { head, texts: { filter: filterText(filter) }, signal };
}

/** Checked like a local filter: what plain JSON would drop without a word must not reach a `removeWhere`. */
export function filterText(filter: object | undefined): string | undefined {
  return filter === undefined ? undefined : compileFilter(filter);
}
