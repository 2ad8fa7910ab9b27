import { invalidArgument, SageDBError } from './errors.js';
import { compileFilter } from './filter.js';
import { booleanOf, integerIn, readOptions, signalOf } from './options.js';
import { type Layout, spaceAt } from './spaces.js';
import type { Metric, SearchOptions } from './types.js';

export const MAX_K = 1_000_000;

/** Values per query in the parameter array that goes to the addon; see SearchBatch in cpp/binding/search_batch.h. */
export const PARAMS = 6;
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
  /** Number of the space that is searched; 0 where it does not matter. */
  space: number;
  /** JSON text. */
  filter: string | undefined;
  signal: AbortSignal | undefined;
}

export const NAMES = [
  'k',
  'space',
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
  space: 0,
  filter: undefined,
  signal: undefined,
};
const PLAIN_RAW: SearchSpec = { ...PLAIN, metadata: false };

/** `raw`: metadata only when asked for. `sync`: no signal, because nothing could fire it. */
export function searchSpec(value: unknown, layout: Layout, raw: boolean, sync: boolean): SearchSpec {
  if (value === undefined && layout.spaces === undefined) return raw ? PLAIN_RAW : PLAIN;
  return specOf(readOptions<SearchOptions>(value, 'options', sync ? SYNC_NAMES : NAMES), layout, raw, true);
}

/** Throws `INVALID_ARGUMENT` where a space is needed, or one is named that is not there. */
function spaceOf(value: unknown, { spaces }: Layout, needed: boolean): number {
  if (value === undefined) {
    if (!needed || spaces === undefined || spaces.all.length === 1) return 0;
  } else if (spaces === undefined) {
    throw new SageDBError('INVALID_ARGUMENT', 'options.space: the database was opened without spaces');
  }
  return spaces.named(value, 'options.space').number;
}

/** Of options that readOptions() copied. `one`: the search is in one space. */
export function specOf(o: Partial<SearchOptions>, layout: Layout, raw: boolean, one: boolean): SearchSpec {
  const space = spaceOf(o.space, layout, one);
  const { metric } = spaceAt(layout, space);
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
    space,
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
  params[at + 5] = spec.space;
}
