// Queries by text, and what a search tells about itself.
import type { VectorInput } from './types.js';

/** Where the words of a query stand in one text of a hit. Positions are indices of the JavaScript string. */
export interface Highlight {
  field: string;
  /** Of a field that is an array: which of its strings. */
  element?: number;
  ranges: [start: number, end: number][];
  /** The part of the text, about 160 characters long, that has the most of them. */
  snippet: string;
  /** The ranges inside the snippet, from its beginning. */
  snippetRanges: [start: number, end: number][];
}

/**
 * A query by text: items whose text fields have at least one of its words, best first by BM25. With a vector too, both searches are made on
 * the same snapshot and their lists become one.
 */
export interface TextQuery {
  text: string;
  vector?: VectorInput;
  /**
   * With a vector. `rrf` (default): by the ranks in both lists. `weights`: by the scores, each scaled to 0 … 1. `score` of the hits is the
   * fused one.
   */
  fusion?: 'rrf' | { weights: { vector: number; text: number } };
  /** Which of the text fields, or with which weights. Default: all alike. */
  fields?: readonly string[] | { readonly [field: string]: number };
  /** How soon repetitions of a word stop counting. Default 1.2. */
  k1?: number;
  /** 0 … 1: how much long texts are held back. Default 0.75. */
  b?: number;
  /** Adds `highlights` to the hits. */
  highlight?: boolean;
}

/** How a search was answered. Counts are of the whole search, widening included. */
export interface SearchExplanation {
  /**
   * `graph`: traversal without restriction; `traverse`, `two-hop`: of a filter or past removed items, through all items or through
   * matching ones only; `filtered-scan`: every matching item; `scan`: every item; `text`: posting lists.
   */
  plans: ('graph' | 'traverse' | 'two-hop' | 'filtered-scan' | 'scan' | 'text')[];
  /** Items that the filter matches. */
  filterMatches?: number;
  /** Nodes of the graph that were expanded. */
  visited: number;
  distances: number;
  /** Candidates measured on full precision. */
  reranked: number;
  /** Items outside of the index that were scanned. */
  freshRows: number;
  /** Words of the query that occur in a field, by field. */
  textWords: number;
  textPostings: number;
  /** Items whose text score was computed. */
  textScored: number;
  microseconds: Record<'filter' | 'index' | 'fresh' | 'rerank' | 'text' | 'results' | 'total', number>;
}
