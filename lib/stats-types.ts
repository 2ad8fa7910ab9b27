// What a database tells about itself.
import type { SpaceStats } from './space-types.js';
import type { Metric } from './types.js';

/** What one width of the graph search reaches. */
export interface RecallPoint {
  ef: number;
  /** Mean over the sampled queries. */
  recall: number;
  /** One-sided 95% confidence bound of the mean. */
  lowerBound: number;
}

/** Counters since open, and the state now. Byte counts are of native memory. */
export interface Stats {
  size: number;
  /** With named spaces: of all of them together; `metric` and `recall` are those of the first then. */
  dimension: number;
  metric: Metric;
  /** With named spaces: each of them. */
  spaces?: { [name: string]: SpaceStats };
  indexVersion: number;
  /** Number of acknowledged mutations. */
  sequence: number;
  indexKind: string;
  /** Instruction set of the distance kernels. */
  kernels: string;
  threads: number;
  totalSearches: number;
  totalAdds: number;
  totalUpdates: number;
  totalRemoves: number;
  indexRebuilds: number;
  compactions: number;
  /** Mean engine time of a search in microseconds. */
  averageSearchMicroseconds: number;
  indexedRows: number;
  /** Rows not in the index yet; searches scan them. */
  freshRows: number;
  /** Tombstones that no compaction has reclaimed yet. */
  deletedRows: number;
  memory: {
    vectors: number;
    codes: number;
    index: number;
    metadata: number;
    /** The full-text index. */
    text: number;
    ids: number;
    scratch: number;
    total: number;
  };
  /** With a path. */
  storage: {
    /** Every mutation up to this `sequence` survives a loss of power. */
    durableSequence: number;
    /** Log since the last checkpoint: what an open after a crash replays. */
    logBytes: number;
    /** Size of the last checkpoint's files. */
    segmentBytes: number;
    /** Checkpoints written since the open. */
    checkpoints: number;
    /** Mutations that the open replayed from the log. */
    replayed: number;
    /**
     * Check of the files that the open mapped, in the background; `none`: nothing is being checked. `damaged`: `error` says what; a damaged index is made again from
     * the vectors, with any other damage writes are refused with `CORRUPTION` and reads go on. In other states `error` says why the check broke off, as when
     * a file could not be read; what needs the check does it then.
     */
    check: { state: 'none' | 'running' | 'passed' | 'damaged'; done: number; total: number; error: string };
    /** Bytes that were moved from mapped files into memory, see `hotMemory`. */
    hotBytes: number;
    /** Bytes of texts, vectors and codes that this process wrote and that are read from the files now, since they are more than `hotMemory`. */
    givenBackBytes: number;
  };
  build: {
    running: boolean;
    done: number;
    total: number;
    lastSeconds: number;
    lastPublishMicroseconds: number;
    /**
     * Message of the last failed background build, or else of the last trouble with files: a failed checkpoint or background sync, a damaged manifest that
     * was replaced, an index that is rebuilt. Empty when there was none.
     */
    lastError: string;
  };
  /**
   * Calibration of `ef`: recall@10 of queries that came in, measured against exact search on this data. Empty until 128 queries were seen and
   * an index was built; repeated as data and queries grow.
   */
  recall: {
    /** Indexed rows at the calibration. */
    rows: number;
    /** Sampled queries it rests on. */
    queries: number;
    curve: RecallPoint[];
  };
}
