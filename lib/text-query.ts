// Queries by text, alone or together with vectors, and queries in several spaces.
import { invalidArgument, SageDBError, show } from './errors.js';
import { booleanOf, oneOf, readOptions } from './options.js';
import type { Layout, SpaceList } from './spaces.js';
import type { RefinedSearchOptions, SpacesQuery, TextQuery, VectorInput } from './types.js';

const NAMES = ['text', 'vector', 'vectors', 'fusion', 'fields', 'k1', 'b', 'highlight'] as const;
const OF_TEXT = ['fields', 'k1', 'b', 'highlight'] as const;

/** What the addon takes beside text and vector: see DetailedSearch in cpp/binding/detailed_search.h. */
export interface TextPart {
  text: string;
  vector: VectorInput | undefined;
  model: Float64Array;
  highlight: boolean;
}

/** Vectors of several spaces: see DetailedSearch in cpp/binding/detailed_search.h. */
export interface VectorsPart {
  parts: Float32Array;
  fusion: Float64Array;
  /** With a text: its weight. */
  textWeight: number;
}

/** What an object may say that is no vector. */
export type ObjectQuery = Partial<Omit<TextQuery, 'fusion'>> &
  Partial<Omit<SpacesQuery, 'fusion'>> & { fusion?: unknown };

/** A query that is an object, and the search options that stood in the same object; undefined when the query is something else. */
export interface SplitQuery {
  query: ObjectQuery;
  options: Record<string, unknown>;
}

export function splitTextQuery(query: unknown, optionNames: readonly string[]): SplitQuery | undefined {
  if (typeof query !== 'object' || query === null || Array.isArray(query) || ArrayBuffer.isView(query))
    return undefined;
  if (!namesItself(query)) return undefined;
  const all = readOptions<Record<string, unknown>>(query, 'query', [...NAMES, ...optionNames]);
  const own = new Set<string>(NAMES);
  const pick = (wanted: boolean) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => own.has(name) === wanted));
  return { query: pick(true) as ObjectQuery, options: pick(false) };
}

/** Options may stand in a query by text or beside it, not in both places. */
export function mergedOptions(
  inQuery: Record<string, unknown>,
  beside: Partial<RefinedSearchOptions>,
): Partial<RefinedSearchOptions> {
  for (const name of Object.keys(inQuery)) {
    if (!Object.hasOwn(beside, name)) continue;
    throw new SageDBError('INVALID_ARGUMENT', `options.${name}: stands in the query, too`);
  }
  return { ...inQuery, ...beside };
}

function namesItself(query: object): boolean {
  try {
    return Object.hasOwn(query, 'text') || Object.hasOwn(query, 'vectors');
  } catch {
    return false; // a hostile proxy: the reader of vectors says what is wrong with it
  }
}

/** Checks a query that splitTextQuery() copied, for a database with these text fields; undefined when it names no text. */
export function textPart(
  q: ObjectQuery,
  fields: readonly string[],
  several: VectorsPart | undefined,
): TextPart | undefined {
  if (q.text === undefined && several !== undefined) {
    for (const name of OF_TEXT) {
      if (q[name] === undefined) continue;
      throw new SageDBError('INVALID_ARGUMENT', `query.${name}: expected query.text with it, got none`);
    }
    return undefined;
  }
  if (typeof q.text !== 'string') throw invalidArgument('query.text', 'a string', q.text);
  if (fields.length === 0) {
    throw new SageDBError('INVALID_ARGUMENT', 'query.text: the database was opened without textFields');
  }
  if (q.fusion !== undefined && q.vector === undefined && several === undefined) {
    throw new SageDBError('INVALID_ARGUMENT', 'query.fusion: expected query.vector with it, got none');
  }
  const [fusion, vectorWeight, textWeight] = several ? [0, 0, several.textWeight] : fusionOf(q.fusion);
  const highlight = q.highlight === undefined ? false : booleanOf(q.highlight, 'query.highlight');
  return {
    text: q.text,
    vector: q.vector,
    highlight,
    model: Float64Array.of(
      q.k1 === undefined ? 1.2 : numberIn(q.k1, 'query.k1', Number.MAX_VALUE),
      q.b === undefined ? 0.75 : numberIn(q.b, 'query.b', 1),
      fusion,
      vectorWeight,
      textWeight,
      highlight ? 1 : 0,
      ...weightsOf(q.fields, fields),
    ),
  };
}

/** The vectors of a query in several spaces, copied; undefined when it names none. */
export function vectorsPart(q: ObjectQuery, { spaces, dimension }: Layout): VectorsPart | undefined {
  if (q.vectors === undefined) return undefined;
  if (spaces === undefined) {
    throw new SageDBError('INVALID_ARGUMENT', 'query.vectors: the database was opened without spaces');
  }
  if (q.vector !== undefined) {
    throw new SageDBError('INVALID_ARGUMENT', 'query: expected vector or vectors, got both');
  }
  const staging = new Float32Array(dimension);
  const given = spaces.copyRow(q.vectors, staging, 0, 'query.vectors');
  const asked = spaces.all.filter(({ number }) => (given >>> number) & 1);
  const names = asked.map(({ name }) => name);
  const [kind, weights, textWeight] = spacesFusionOf(q.fusion, names, q.text !== undefined, spaces);
  const fusion = [kind, ...asked.flatMap(({ number }, i) => [number, weights[i] as number])];
  return { parts: staging.subarray(0, spaces.components(given)), fusion: Float64Array.from(fusion), textWeight };
}

/** A weight for each of the names, and of the text. */
function spacesFusionOf(
  value: unknown,
  names: readonly string[],
  text: boolean,
  spaces: SpaceList,
): [kind: number, weights: number[], text: number] {
  if (value === undefined || typeof value === 'string') {
    oneOf(value ?? 'rrf', 'query.fusion', ['rrf']);
    return [0, names.map(() => 0), 0];
  }
  const { weights } = readOptions<{ weights: object }>(value, 'query.fusion', ['weights']);
  if (weights === undefined) throw invalidArgument('query.fusion', "'rrf' or { weights }", value);
  const w = readOptions<Record<string, unknown>>(weights, 'query.fusion.weights', [
    ...spaces.all.map(({ name }) => name),
    'text',
  ]);
  const wanted = text ? [...names, 'text'] : names;
  for (const name of Object.keys(w)) {
    if (wanted.includes(name)) continue;
    throw new SageDBError('INVALID_ARGUMENT', `query.fusion.weights.${name}: expected it in the query, too, got none`);
  }
  const numbers = wanted.map((name) => numberIn(w[name], `query.fusion.weights.${name}`, Number.MAX_VALUE));
  if (!numbers.some((weight) => weight > 0)) {
    throw invalidArgument('query.fusion.weights', 'one weight above 0 at least', weights);
  }
  return [1, numbers.slice(0, names.length), text ? (numbers.at(-1) as number) : 0];
}

function numberIn(value: unknown, field: string, max: number): number {
  if (typeof value === 'number' && value >= 0 && value <= max) return value;
  throw invalidArgument(field, max === 1 ? 'a number from 0 to 1' : 'a finite number of at least 0', value);
}

function fusionOf(value: unknown): [kind: number, vector: number, text: number] {
  if (value === undefined || typeof value === 'string') {
    oneOf(value ?? 'rrf', 'query.fusion', ['rrf']);
    return [0, 0, 0];
  }
  const { weights } = readOptions<{ weights: object }>(value, 'query.fusion', ['weights']);
  if (weights === undefined) throw invalidArgument('query.fusion', "'rrf' or { weights: { vector, text } }", value);
  const w = readOptions<{ vector: number; text: number }>(weights, 'query.fusion.weights', ['vector', 'text']);
  const vector = numberIn(w.vector, 'query.fusion.weights.vector', Number.MAX_VALUE);
  const text = numberIn(w.text, 'query.fusion.weights.text', Number.MAX_VALUE);
  if (vector + text === 0) throw invalidArgument('query.fusion.weights', 'one weight above 0 at least', weights);
  return [1, vector, text];
}

/** One weight per text field of the database. */
function weightsOf(value: unknown, fields: readonly string[]): number[] {
  if (value === undefined) return fields.map(() => 1);
  const named: [unknown, unknown][] = Array.isArray(value)
    ? value.map((field: unknown) => [field, 1])
    : Object.entries(readOptions<Record<string, number>>(value, 'query.fields', fields));
  const weights = fields.map(() => 0);
  for (const [field, weight] of named) {
    const at = fields.indexOf(field as string);
    if (at < 0) throw invalidArgument('query.fields', `text fields of the database (${fields.join(', ')})`, field);
    weights[at] = numberIn(weight, `query.fields.${fields[at]}`, Number.MAX_VALUE);
  }
  if (!weights.some((weight) => weight > 0)) {
    throw new SageDBError(
      'INVALID_ARGUMENT',
      `query.fields: expected one field with a weight above 0, got ${show(value)}`,
    );
  }
  return weights;
}
