import { invalidArgument, SageDBError } from './errors.js';
import { compileFilter } from './filter.js';
import { booleanOf, integerIn, readOptions, signalOf } from './options.js';
import type { Metric, SearchOptions } from './types.js';

export const MAX_K = 1_000_000;

/** Values per query in the parameter array that goes to the addon; see SearchBatch in cpp/binding/search_batch.h. */
export const PARAMS = 5;
const EXACT = 1;
const METADATA = 2;
const VECTOR = 4;

/** Checked search options, ready for the addon. */
export interface SearchSpec {
  k: number;
  ef: number;
  recall: number;
  /** NaN: none. */
  radius: number;
  exact: boolean;
  metadata: boolean;
  vector: boolean;
  /** JSON text. */
  filter: string | undefined;
  signal: AbortSignal | undefined;
}

export const NAMES = [
  'k',
  'filter',
  'ef',
  'recall',
  'radius',
  'exact',
  'includeMetadata',
  'includeVector',
  'signal',
] as const satisfies readonly (keyof SearchOptions)[];
const SYNC_NAMES = NAMES.filter((name) => name !== 'signal');

const PLAIN: SearchSpec = {
  k: 10,
  ef: 0,
  recall: 0,
  radius: Number.NaN,
  exact: false,
  metadata: true,
  vector: false,
  filter: undefined,
  signal: undefined,
};
const PLAIN_RAW: SearchSpec = { ...PLAIN, metadata: false };

/** `raw`: metadata only when asked for. `sync`: no signal, because nothing could fire it. */
export function searchSpec(value: unknown, metric: Metric, raw: boolean, sync: boolean): SearchSpec {
  if (value === undefined) return raw ? PLAIN_RAW : PLAIN;
  return specOf(readOptions<SearchOptions>(value, 'options', sync ? SYNC_NAMES : NAMES), metric, raw);
}

/** Of options that readOptions() copied. */
export function specOf(o: Partial<SearchOptions>, metric: Metric, raw: boolean): SearchSpec {
  if (o.ef !== undefined && o.recall !== undefined) {
    throw new SageDBError('INVALID_ARGUMENT', 'options.recall: expected ef or recall, got both');
  }
  return {
    k: o.k === undefined ? 10 : integerIn(o.k, 'options.k', 1, MAX_K),
    ef: o.ef === undefined ? 0 : integerIn(o.ef, 'options.ef', 1, MAX_K),
    recall: o.recall === undefined ? 0 : recallOf(o.recall),
    radius: o.radius === undefined ? Number.NaN : radiusOf(o.radius, metric),
    exact: o.exact === undefined ? false : booleanOf(o.exact, 'options.exact'),
    metadata: o.includeMetadata === undefined ? !raw : booleanOf(o.includeMetadata, 'options.includeMetadata'),
    vector: o.includeVector === undefined ? false : booleanOf(o.includeVector, 'options.includeVector'),
    filter: o.filter === undefined ? undefined : compileFilter(o.filter),
    signal: signalOf(o.signal, 'options.signal'),
  };
}

function recallOf(value: unknown): number {
  if (typeof value === 'number' && value > 0 && value < 1) return value;
  throw invalidArgument('options.recall', 'a number above 0 and below 1', value);
}

function radiusOf(value: unknown, metric: Metric): number {
  if (typeof value === 'number' && Number.isFinite(value) && (metric !== 'l2' || value >= 0)) return value;
  throw invalidArgument('options.radius', metric === 'l2' ? 'a finite number of at least 0' : 'a finite number', value);
}

/** Searches that visit so many rows that cheap ones should not wait behind them. */
export function isCostly(spec: SearchSpec): boolean {
  return spec.exact || spec.k > 1000 || spec.ef > 4000;
}

export function writeParams(spec: SearchSpec, params: Float64Array, query: number): void {
  const at = query * PARAMS;
  params[at] = spec.k;
  params[at + 1] = spec.ef;
  params[at + 2] = spec.recall;
  params[at + 3] = spec.radius;
  params[at + 4] = (spec.exact ? EXACT : 0) | (spec.metadata ? METADATA : 0) | (spec.vector ? VECTOR : 0);
}
