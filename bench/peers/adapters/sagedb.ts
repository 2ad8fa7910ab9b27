import { SageDB } from '../../../lib/index.js';
import { EFS, labelOf, type PeerAdapter, type PeerConfig, type PeerIndex } from '../adapter.js';

type Meta = { label: number };
const SLICE = 5000;

class SageIndex implements PeerIndex {
  readonly #db: SageDB<Meta>;
  readonly #dimension: number;
  #ef = 64;

  constructor(db: SageDB<Meta>, dimension: number) {
    this.#db = db;
    this.#dimension = dimension;
  }

  async load({ base, rows, labels }: { base: Float32Array; rows: number; labels: Uint8Array }): Promise<void> {
    for (let row = 0; row < rows; row += SLICE) {
      const end = Math.min(rows, row + SLICE);
      const ids = Array.from({ length: end - row }, (_, i) => row + i);
      const metadata = ids.map((id) => ({ label: labels[id] as number }));
      await this.#db.addBatch(base.subarray(row * this.#dimension, end * this.#dimension), metadata, { ids });
    }
    await this.#db.buildIndex();
  }
  setEf(ef: number): void {
    this.#ef = ef;
  }
  async search(query: Float32Array, k: number): Promise<number[]> {
    return ids(await this.#db.search(query, { k, ef: this.#ef, includeMetadata: false }));
  }
  searchSync(query: Float32Array, k: number): number[] {
    return ids(this.#db.searchSync(query, { k, ef: this.#ef, includeMetadata: false }));
  }
  async batch(queries: Float32Array, _count: number, k: number): Promise<number[][]> {
    return (await this.#db.batchSearch(queries, { k, ef: this.#ef, includeMetadata: false })).map(ids);
  }
  async filtered(query: Float32Array, k: number, below: number): Promise<number[]> {
    return ids(await this.#db.search(query, this.#matching(k, below)));
  }
  filteredSync(query: Float32Array, k: number, below: number): number[] {
    return ids(this.#db.searchSync(query, this.#matching(k, below)));
  }
  async filteredBatch(queries: Float32Array, _count: number, k: number, below: number): Promise<number[][]> {
    return (await this.#db.batchSearch(queries, this.#matching(k, below))).map(ids);
  }
  #matching(k: number, below: number) {
    return { k, ef: this.#ef, includeMetadata: false, filter: { label: { $lt: below } } } as const;
  }
  async insert(vector: Float32Array, id: number): Promise<void> {
    await this.#db.add(vector, { label: labelOf(id) }, { id });
  }
  indexedRows(): number {
    return this.#db.stats().indexedRows;
  }
  async close(): Promise<void> {
    await this.#db.close();
  }
}

function ids(hits: { id: string | number }[]): number[] {
  return hits.map((hit) => hit.id as number);
}

export const adapter: PeerAdapter = {
  name: 'sagedb',
  package: 'sagedb',
  note: 'this project; in memory, default options',
  efs: EFS,
  cores: 'promises',
  mixedAsync: true,
  async create({ dimension, metric, M, efConstruction }: PeerConfig) {
    const db = await SageDB.open<Meta>({ dimension, metric, index: { type: 'hnsw', M, efConstruction } });
    return new SageIndex(db, dimension);
  },
};
