import type { NativeStats } from './native.js';
import type { Metric, Stats } from './types.js';

export function toStats(raw: NativeStats, metric: Metric): Stats {
  const number = (name: string) => raw[name] as number;
  const memory = {
    vectors: number('vectorBytes'),
    codes: number('codeBytes'),
    index: number('indexBytes'),
    metadata: number('metadataBytes'),
    ids: number('idBytes'),
    scratch: number('scratchBytes'),
  };
  return {
    size: number('size'),
    dimension: number('dimension'),
    metric,
    indexVersion: number('indexVersion'),
    sequence: number('sequence'),
    indexKind: raw.indexKind as string,
    kernels: raw.kernels as string,
    threads: number('threads'),
    totalSearches: number('totalSearches'),
    totalAdds: number('totalAdds'),
    totalUpdates: number('totalUpdates'),
    totalRemoves: number('totalRemoves'),
    indexRebuilds: number('indexRebuilds'),
    compactions: number('compactions'),
    averageSearchMicroseconds: number('averageSearchMicroseconds'),
    indexedRows: number('indexedRows'),
    freshRows: number('freshRows'),
    deletedRows: number('deletedRows'),
    memory: { ...memory, total: Object.values(memory).reduce((sum, bytes) => sum + bytes, 0) },
    build: {
      running: raw.building as boolean,
      done: number('buildDone'),
      total: number('buildTotal'),
      lastSeconds: number('lastBuildSeconds'),
      lastPublishMicroseconds: number('lastPublishMicroseconds'),
      lastError: raw.lastError as string,
    },
  };
}
