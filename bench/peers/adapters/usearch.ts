import path from 'node:path';
import { EFS, type LoadData, loadPeer, type PeerAdapter, type PeerConfig, type PeerIndex } from '../adapter.js';

interface Usearch {
  add(keys: BigUint64Array, vectors: Float32Array, threads: number): void;
  search(vectors: Float32Array, k: number, threads: number): Matches;
  save(file: string): void;
  load(file: string): void;
}
type Matches = { keys: BigUint64Array; get?(i: number): Matches };
type Options = Record<string, string | number | boolean>;
type Module = { Index: new (options: Options) => Usearch };
const SLICE = 5000;

class UsearchIndex implements PeerIndex {
  #index: Usearch;
  readonly #make: (ef: number) => Usearch;
  readonly #config: PeerConfig;
  #ef = 0;

  constructor(make: (ef: number) => Usearch, config: PeerConfig) {
    this.#make = make;
    this.#config = config;
    this.#index = make(64);
  }
  get #file(): string {
    return path.join(this.#config.folder, 'usearch.bin');
  }
  async load({ base, rows }: LoadData): Promise<void> {
    const { dimension } = this.#config;
    for (let row = 0; row < rows; row += SLICE) {
      const count = Math.min(SLICE, rows - row);
      const keys = BigUint64Array.from({ length: count }, (_, i) => BigInt(row + i));
      this.#index.add(keys, base.subarray(row * dimension, (row + count) * dimension), 0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#index.save(this.#file);
  }
  // The search width is a constructor argument: changing it means loading the index again.
  setEf(ef: number): void {
    if (ef === this.#ef) return;
    this.#ef = ef;
    this.#index = this.#make(ef);
    this.#index.load(this.#file);
  }
  search(query: Float32Array, k: number): number[] {
    return Array.from(this.#index.search(query, k, 1).keys, Number);
  }
  searchSync(query: Float32Array, k: number): number[] {
    return this.search(query, k);
  }
  batch(queries: Float32Array, count: number, k: number): number[][] {
    const matches = this.#index.search(queries, k, 0);
    return Array.from({ length: count }, (_, i) => Array.from(matches.get?.(i).keys ?? [], Number));
  }
  insert(vector: Float32Array, id: number): void {
    this.#index.add(BigUint64Array.of(BigInt(id)), vector, 1);
  }
  close(): void {}
}

export const adapter: PeerAdapter = {
  name: 'usearch',
  package: 'usearch',
  note: 'synchronous; batches use all cores and block the event loop; no filters',
  efs: EFS,
  cores: 'batch',
  mixedAsync: true,
  async create(config) {
    const { Index } = await loadPeer<Module>('usearch');
    const metric = config.metric === 'l2' ? 'l2sq' : config.metric === 'cosine' ? 'cos' : 'ip';
    const make = (ef: number) =>
      new Index({
        dimensions: config.dimension,
        metric,
        quantization: 'f32',
        connectivity: config.M,
        expansion_add: config.efConstruction,
        expansion_search: ef,
        multi: false,
      });
    return new UsearchIndex(make, config);
  },
};
