import { invalidArgument, SageDBError } from './errors.js';
import { booleanOf, integerIn, readOptions } from './options.js';
import type { FindOptions, IterateOptions, SortDirection } from './types.js';

/** Checked options of a walk over items, ready for the addon. */
export interface FindSpec {
  limit: number;
  offset: number;
  order: string[] | undefined;
  descending: boolean[] | undefined;
  vector: boolean;
  /** Undefined: whole metadata. */
  select: string[] | undefined;
}

const MAX = Number.MAX_SAFE_INTEGER;
/** Items that an iterator reads at a time. */
export const DEFAULT_PAGE = 256;

export function findSpec(options: unknown): FindSpec {
  const o = readOptions<FindOptions>(options, 'options', ['limit', 'offset', 'orderBy', 'select', 'includeVector']);
  return specOf(o);
}

export function iterateSpec(options: unknown): FindSpec & { page: number } {
  const o = readOptions<IterateOptions>(options, 'options', [
    'limit',
    'offset',
    'orderBy',
    'select',
    'includeVector',
    'pageSize',
  ]);
  const page = o.pageSize === undefined ? DEFAULT_PAGE : integerIn(o.pageSize, 'options.pageSize', 1, 100_000);
  return { ...specOf(o), page };
}

function specOf(o: Partial<FindOptions>): FindSpec {
  const order = o.orderBy === undefined ? [] : orderOf(o.orderBy);
  return {
    limit: o.limit === undefined ? MAX : integerIn(o.limit, 'options.limit', 0, MAX),
    offset: o.offset === undefined ? 0 : integerIn(o.offset, 'options.offset', 0, MAX),
    order: order.length === 0 ? undefined : order.map(([path]) => path),
    descending: order.length === 0 ? undefined : order.map(([, direction]) => direction === 'desc'),
    vector: o.includeVector === undefined ? false : booleanOf(o.includeVector, 'options.includeVector'),
    select: o.select === undefined ? undefined : pathsOf(o.select, 'options.select'),
  };
}

function pathsOf(value: unknown, field: string): string[] {
  if (!Array.isArray(value)) throw invalidArgument(field, 'an array of paths', value);
  return Array.from(value as unknown[], (path, i) => pathOf(path, `${field}[${i}]`));
}

function pathOf(value: unknown, field: string): string {
  if (typeof value === 'string') return value;
  throw invalidArgument(field, 'a path', value);
}

/** 'year', { year: 'desc', title: 'asc' }, or [['year', 'desc'], 'title']. */
function orderOf(value: unknown): [string, SortDirection][] {
  if (typeof value === 'string') return [[value, 'asc']];
  if (Array.isArray(value)) {
    return Array.from(value as unknown[], (entry, i): [string, SortDirection] => {
      const field = `options.orderBy[${i}]`;
      if (typeof entry === 'string') return [entry, 'asc'];
      if (!Array.isArray(entry) || entry.length !== 2)
        throw invalidArgument(field, "a path or [path, 'asc' | 'desc']", entry);
      return [pathOf(entry[0], `${field}[0]`), directionOf(entry[1], `${field}[1]`)];
    });
  }
  if (typeof value !== 'object' || value === null)
    throw invalidArgument('options.orderBy', 'a path, an object or an array', value);
  return Object.entries(value).map(([path, direction]): [string, SortDirection] => {
    // Object keys that look like numbers come first whatever the order they were written in.
    if (/^(0|[1-9]\d*)$/.test(path)) {
      throw new SageDBError(
        'INVALID_ARGUMENT',
        `options.orderBy: use [['${path}', '${direction}']] for a field named like a number`,
      );
    }
    return [path, directionOf(direction, `options.orderBy.${path}`)];
  });
}

function directionOf(value: unknown, field: string): SortDirection {
  if (value === 'asc' || value === 'desc') return value;
  throw invalidArgument(field, "'asc' or 'desc'", value);
}
