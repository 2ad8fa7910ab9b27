/** What every measured package is driven through. Row numbers are the ids; each row has a label 0..99 for filters. */
export interface PeerIndex {
  /** Adds all rows and returns when searches use an index over every one of them. */
  load(data: LoadData): Promise<void>;
  /** Sets the search width; a package without one ignores it. */
  setEf(ef: number): void;
  /** The package's asynchronous search, or its synchronous one when it has no other. */
  search(query: Float32Array, k: number): Promise<ArrayLike<number>> | ArrayLike<number>;
  searchSync?(query: Float32Array, k: number): ArrayLike<number>;
  /** Many queries in one call. */
  batch?(queries: Float32Array, count: number, k: number): Promise<ArrayLike<number>[]> | ArrayLike<number>[];
  /** Only rows whose label is below `below`. */
  filtered?(query: Float32Array, k: number, below: number): Promise<ArrayLike<number>> | ArrayLike<number>;
  /** The same as a synchronous call, where a package has both. */
  filteredSync?(query: Float32Array, k: number, below: number): ArrayLike<number>;
  /** Many queries in one call, all with the same filter. */
  filteredBatch?(queries: Float32Array, count: number, k: number, below: number): Promise<ArrayLike<number>[]>;
  insert?(vector: Float32Array, id: number): Promise<void> | void;
  /** Rows that an index serves now; undefined when the package does not say. */
  indexedRows?(): number | undefined;
  /** Writes the index where `open` of another thread finds it, for packages that use more cores only through worker threads. */
  save?(folder: string): Promise<void> | void;
  close(): Promise<void> | void;
}

export interface LoadData {
  base: Float32Array;
  rows: number;
  labels: Uint8Array;
}

export interface PeerConfig {
  dimension: number;
  metric: 'l2' | 'cosine' | 'ip';
  M: number;
  efConstruction: number;
  /** Empty folder of this process. */
  folder: string;
  /** Rows at the end of all insertions. */
  capacity: number;
}

export interface PeerAdapter {
  name: string;
  /** npm package whose version is reported. */
  package: string;
  note: string;
  /** Search widths to try, narrowest first; one entry for exact packages. */
  efs: readonly number[];
  /** How more than one core is used: promises in flight, batch calls, or a copy of the index per worker thread. */
  cores: 'promises' | 'batch' | 'workers';
  /** False: writes while searches are in flight hang or fail; the mixed workload then uses synchronous searches. */
  mixedAsync: boolean;
  create(config: PeerConfig): Promise<PeerIndex>;
  /** Opens what save() wrote, in a worker thread. */
  open?(config: PeerConfig): Promise<PeerIndex>;
}

export const EFS = [
  10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 128, 160, 200, 256, 320, 400, 512, 700, 1000,
];

const ADAPTERS = ['sagedb', 'hnswlib-node', 'usearch', 'zvec', 'lancedb', 'sqlite-vec'] as const;
export const PEERS: readonly string[] = ADAPTERS;

export async function findAdapter(name: string): Promise<PeerAdapter> {
  if (!PEERS.includes(name)) throw new Error(`peer ${name}: expected one of ${PEERS.join(', ')}`);
  const module = (await import(`./adapters/${name}.ts`)) as { adapter: PeerAdapter };
  return module.adapter;
}

/** Peers are no dependency of this project: their modules are loaded by name and typed by what an adapter uses. */
export async function loadPeer<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

/** Labels of the first rows. */
export function labelsOf(rows: number): Uint8Array {
  return Uint8Array.from({ length: rows }, (_, row) => labelOf(row));
}

/** Label of a row, independent of its vector. */
export function labelOf(row: number): number {
  return (Math.imul(row + 1, 2654435761) >>> 8) % 100;
}
