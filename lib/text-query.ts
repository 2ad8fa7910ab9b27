// Queries by text, alone or together with a vector.
import { invalidArgument, SageDBError, show } from './errors.js';
import { booleanOf, oneOf, readOptions } from './options.js';
import type { RefinedSearchOptions, TextQuery, VectorInput } from './types.js';

const NAMES = ['text', 'vector', 'fusion', 'fields', 'k1', 'b', 'highlight'] as const;

/** What the addon takes beside text and vector: see DetailedSearch in cpp/binding/detailed_search.h. */
export interface TextPart {
  text: string;
  vector: VectorInput | undefined;
  model: Float64Array;
  highlight: boolean;
}

/** A query by text, and the search options that stood in the same object; undefined when the query is something else. */
export interface SplitQuery {
  query: Partial<TextQuery>;
  options: Record<string, unknown>;
}

export function splitTextQuery(query: unknown, optionNames: readonly string[]): SplitQuery | undefined {
  if (typeof query !== 'object' || query === null || Array.isArray(query) || ArrayBuffer.isView(query))
    return undefined;
  if (!namesText(query)) return undefined;
  const all = readOptions<Record<string, unknown>>(query, 'query', [...NAMES, ...optionNames]);
  const own = new Set<string>(NAMES);
  const pick = (wanted: boolean) =>
    Object.fromEntries(Object.entries(all).filter(([name]) => own.has(name) === wanted));
  return { query: pick(true) as Partial<TextQuery>, options: pick(false) };
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

function namesText(query: object): boolean {
  try {
    return Object.hasOwn(query, 'text');
  } catch {
    return false; // a hostile proxy: the reader of vectors says what is wrong with it
  }
}

/** Checks a query that splitTextQuery() copied, for a database with these text fields. */
export function textPart(q: Partial<TextQuery>, fields: readonly string[]): TextPart {
  if (typeof q.text !== 'string') throw invalidArgument('query.text', 'a string', q.text);
  if (fields.length === 0) {
    throw new SageDBError('INVALID_ARGUMENT', 'query.text: the database was opened without textFields');
  }
  if (q.fusion !== undefined && q.vector === undefined) {
    throw new SageDBError('INVALID_ARGUMENT', 'query.fusion: expected query.vector with it, got none');
  }
  const [fusion, vectorWeight, textWeight] = fusionOf(q.fusion);
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
