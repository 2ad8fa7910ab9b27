import type { Id, RawBatchSearchResult, RawSearchResult } from '../types.js';

// Raw results as they travel: ids of either kind in one list, lists of numbers, vectors beside them.

export interface SentHits {
  count: number;
  ids: Id[];
  scores: number[];
  vectors?: unknown;
  metadataJson?: string;
  indexVersion: number;
}

export interface SentBatch extends Omit<SentHits, 'count' | 'metadataJson' | 'indexVersion'> {
  offsets: number[];
  metadataJson?: string[];
}

export function rawHits(
  { count, metadataJson, indexVersion, ...sent }: SentHits,
  floats: Float32Array,
): RawSearchResult {
  return { count, ...columns(sent, floats), metadataJson, indexVersion };
}

export function rawBatch({ offsets, metadataJson, ...sent }: SentBatch, floats: Float32Array): RawBatchSearchResult {
  return { offsets: Uint32Array.from(offsets), ...columns(sent, floats), metadataJson };
}

function columns({ ids, scores, vectors }: Pick<SentHits, 'ids' | 'scores' | 'vectors'>, floats: Float32Array) {
  return {
    ids: Float64Array.from(ids, (id) => (typeof id === 'number' ? id : Number.NaN)),
    stringIds: ids.some((id) => typeof id === 'string')
      ? ids.map((id) => (typeof id === 'string' ? id : undefined))
      : undefined,
    scores: Float32Array.from(scores),
    vectors: vectors === undefined ? undefined : floats,
  };
}
