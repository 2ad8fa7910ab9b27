// Several named vectors per item.
import type { RecallPoint } from './stats-types.js';
import type { Metric, OpenOptions, RefinedSearchOptions, VectorInput, VectorsInput } from './types.js';

/** One named space of vectors. */
export interface SpaceOptions {
  /** Components per vector, 1 … 65,536. */
  dimension: number;
  /** Default `cosine`; of an existing path what is stored. */
  metric?: Metric;
}

/**
 * A database whose items have several named vectors. Names begin with a letter and have letters, digits, `_` and `-`, 64 at most; `text` is
 * reserved, and so is what every object has (`constructor`, `toString`). Spaces are stored with the data: for an existing path they may be left out, and others than the stored ones are refused with
 * `CONFIG_MISMATCH`. `vectors`, `index` and the other options hold for all of them.
 */
export type OpenSpacesOptions<S extends string = string> = Omit<OpenOptions, 'dimension' | 'metric'> & {
  spaces: { readonly [N in S]: SpaceOptions };
  dimension?: never;
  metric?: never;
};

/** Vectors by the name of their space: one at least. An item may lack the others. */
export type NamedVectors<S extends string = string> = { readonly [N in S]?: VectorInput };

/** What an item brings: one vector, or with spaces `S` those of its spaces. */
export type ItemVector<S extends string = never> = [S] extends [never] ? VectorInput : NamedVectors<S>;
/** Those of many items. */
export type ItemVectors<S extends string = never> = [S] extends [never] ? VectorsInput : readonly NamedVectors<S>[];
/** What is read back. */
export type StoredVector<S extends string = never> = [S] extends [never] ? Float32Array : { [N in S]?: Float32Array };

/** How a space is made. */
export interface SpaceInfo {
  dimension: number;
  metric: Metric;
}

/**
 * A search in several spaces, and by text if wanted, over one snapshot. Every space brings the larger of 100 and 2 k of its nearest items; the
 * lists become one.
 */
export interface SpacesQuery<S extends string = string> {
  vectors: NamedVectors<S>;
  /** With `textFields`: the best by BM25 are a list of their own. */
  text?: string;
  /**
   * `rrf` (default): sum of 1 / (60 + rank) over the lists that have the item. `weights`, one for each vector asked for and one for the text:
   * weighted sum of the scores of every candidate in every space, each scaled to 0 … 1 between the least and the greatest among the
   * candidates; a vector that an item lacks adds nothing.
   */
  fusion?: 'rrf' | { weights: { readonly [N in S | 'text']?: number } };
  /** As in a query by text. */
  fields?: readonly string[] | { readonly [field: string]: number };
  k1?: number;
  b?: number;
  highlight?: boolean;
}

/** What `search` takes with spaces `S` besides what it takes without. */
export type FusedQuery<M extends object, IM extends boolean, IV extends boolean, S extends string> = [S] extends [never]
  ? never
  : SpacesQuery<S> & RefinedSearchOptions<M, IM, IV, S>;

/** Of one space. Byte counts are of native memory. */
export interface SpaceStats extends SpaceInfo {
  /** Rows with a vector here, removed ones that are not reclaimed yet included. */
  rows: number;
  memory: { vectors: number; codes: number; index: number };
  recall: { rows: number; queries: number; curve: RecallPoint[] };
}
