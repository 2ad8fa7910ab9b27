import { type Examples, examplesOf } from '../examples.js';
import { readOptions } from '../options.js';
import { REFINE_NAMES, refinementOf, rerankedPage } from '../refine.js';
import type { Row } from '../results.js';
import { NAMES, specOf } from '../search-options.js';
import type { ExampleQuery, Metric, RefinedSearchOptions, VectorInput } from '../types.js';

/** What a search needs of the server. */
interface Remote {
  readonly metric: Metric;
  plainSearch(query: VectorInput | Examples, options: RefinedSearchOptions): Promise<Row[]>;
}

export function isExamples(query: VectorInput | Examples): query is Examples {
  return 'positive' in query;
}

/** Everything but the hook is done by the server; the hook gets the candidates here. */
export async function searchRemotely(
  query: VectorInput | ExampleQuery,
  options: RefinedSearchOptions = {},
  remote: Remote,
): Promise<Row[]> {
  const examples = examplesOf(query);
  const target = examples ?? (query as VectorInput);
  if (options.rerank === undefined) return remote.plainSearch(target, options);
  const o = readOptions<RefinedSearchOptions>(options, 'options', [...NAMES, ...REFINE_NAMES]);
  const spec = specOf(o, remote.metric, false);
  const refinement = refinementOf(o, spec.k, new Set(examples && [...examples.positive, ...examples.negative]))!;
  const { rerank: _rerank, offset: _offset, candidates: _candidates, ...sent } = o;
  const { candidates } = refinement;
  const rows = await remote.plainSearch(target, {
    ...sent,
    k: candidates,
    // Diversity orders as many as the hook gets.
    ...(o.diversity === undefined ? {} : { candidates }),
    includeMetadata: true,
  } as RefinedSearchOptions);
  return rerankedPage(rows, spec, refinement);
}
