import path from 'node:path';
import {
  EFS,
  type LoadData,
  labelsOf,
  loadPeer,
  type PeerAdapter,
  type PeerConfig,
  type PeerIndex,
} from '../adapter.js';

interface Hnsw {
  initIndex(maxElements: number, m: number, efConstruction: number): void;
  addPoint(point: number[], label: number): void;
  searchKnn(query: number[], k: number, filter?: (label: number) => boolean): { neighbors: number[] };
  setEf(ef: number): void;
  resizeIndex(elements: number): void;
  writeIndexSync(file: string): void;
  readIndexSync(file: string): void;
}
type Module = { default: { HierarchicalNSW: new (space: string, dimension: number) => Hnsw } };

class HnswlibIndex implements PeerIndex {
  readonly #index: Hnsw;
  readonly #dimension: number;
  #labels: Uint8Array;

  constructor(index: Hnsw, dimension: number, labels: Uint8Array = new Uint8Array()) {
    this.#index = index;
    this.#dimension = dimension;
    this.#labels = labels;
  }
  async load({ base, rows, labels }: LoadData): Promise<void> {
    this.#labels = labels;
    for (let row = 0; row < rows; row++) {
      this.#index.addPoint(Array.from(base.subarray(row * this.#dimension, (row + 1) * this.#dimension)), row);
      // Turns for the event loop, as an application that loads data would leave them.
      if (row % 1000 === 999) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  setEf(ef: number): void {
    this.#index.setEf(ef);
  }
  search(query: Float32Array, k: number): number[] {
    return this.#index.searchKnn(Array.from(query), k).neighbors;
  }
  searchSync(query: Float32Array, k: number): number[] {
    return this.search(query, k);
  }
  filtered(query: Float32Array, k: number, below: number): number[] {
    return this.#index.searchKnn(Array.from(query), k, (label) => (this.#labels[label] as number) < below).neighbors;
  }
  insert(vector: Float32Array, id: number): void {
    this.#index.addPoint(Array.from(vector), id);
  }
  save(folder: string): void {
    this.#index.writeIndexSync(path.join(folder, 'hnswlib.bin'));
  }
  close(): void {}
}

async function make({ metric, dimension }: PeerConfig): Promise<Hnsw> {
  const { default: hnswlib } = await loadPeer<Module>('hnswlib-node');
  return new hnswlib.HierarchicalNSW(metric, dimension);
}

export const adapter: PeerAdapter = {
  name: 'hnswlib-node',
  package: 'hnswlib-node',
  note: 'synchronous, one thread; all cores = one copy of the index per worker thread',
  efs: EFS,
  cores: 'workers',
  mixedAsync: true,
  async create(config) {
    const index = await make(config);
    index.initIndex(config.capacity, config.M, config.efConstruction);
    return new HnswlibIndex(index, config.dimension);
  },
  async open(config) {
    const index = await make(config);
    index.readIndexSync(path.join(config.folder, 'hnswlib.bin'));
    return new HnswlibIndex(index, config.dimension, labelsOf(config.capacity));
  },
};
