import type { NativeSpaceStats, NativeStats } from './native.js';
import type { Layout, SpaceList } from './spaces.js';
import type { RecallPoint, SpaceStats, Stats } from './types.js';

/** From flat triples of ef, recall and lower bound. */
function recallCurve(flat: Float64Array): RecallPoint[] {
  const points: RecallPoint[] = [];
  for (let i = 0; i < flat.length; i += 3) {
    points.push({ ef: flat[i] as number, recall: flat[i + 1] as number, lowerBound: flat[i + 2] as number });
  }
  return points;
}

function spaceStats(raw: NativeSpaceStats[], spaces: SpaceList): { [name: string]: SpaceStats } {
  const stats = raw.map((of, i): [string, SpaceStats] => {
    const { name, dimension, metric } = spaces.all[i]!;
    const memory = { vectors: of.vectorBytes, codes: of.codeBytes, index: of.indexBytes };
    const recall = { rows: of.calibratedRows, queries: of.calibratedQueries, curve: recallCurve(of.recallCurve) };
    return [name, { dimension, metric, rows: of.rows, memory, recall }];
  });
  return Object.fromEntries(stats);
}

export function toStats(raw: NativeStats, { metric, spaces }: Layout): Stats {
  const number = (name: string) => raw[name] as number;
  const memory = {
    vectors: number('vectorBytes'),
    codes: number('codeBytes'),
    index: number('indexBytes'),
    metadata: number('metadataBytes'),
    text: number('textBytes'),
    ids: number('idBytes'),
    scratch: number('scratchBytes'),
  };
  return {
    size: number('size'),
    dimension: number('dimension'),
    metric,
    ...(spaces && { spaces: spaceStats(raw.spaces as NativeSpaceStats[], spaces) }),
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
    storage: {
      durableSequence: number('durableSequence'),
      logBytes: number('logBytes'),
      segmentBytes: number('segmentBytes'),
      checkpoints: number('checkpoints'),
      replayed: number('replayed'),
      check: {
        state: raw.checkState as Stats['storage']['check']['state'],
        done: number('checkDone'),
        total: number('checkTotal'),
        error: raw.checkError as string,
      },
      hotBytes: number('hotBytes'),
      givenBackBytes: number('givenBackBytes'),
    },
    build: {
      running: raw.building as boolean,
      done: number('buildDone'),
      total: number('buildTotal'),
      lastSeconds: number('lastBuildSeconds'),
      lastPublishMicroseconds: number('lastPublishMicroseconds'),
      lastError: raw.lastError as string,
    },
    recall: {
      rows: number('calibratedRows'),
      queries: number('calibratedQueries'),
      curve: recallCurve(raw.recallCurve as Float64Array),
    },
  };
}
