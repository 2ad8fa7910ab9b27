import path from 'node:path';
import {
  EFS,
  type LoadData,
  labelOf,
  loadPeer,
  type PeerAdapter,
  type PeerConfig,
  type PeerIndex,
} from '../adapter.js';

interface VectorQuery {
  distanceType(metric: string): VectorQuery;
  ef(ef: number): VectorQuery;
  refineFactor(factor: number): VectorQuery;
  nprobes(count: number): VectorQuery;
  where(predicate: string): VectorQuery;
  select(columns: string[]): VectorQuery;
  limit(k: number): VectorQuery;
  toArrow(): Promise<{ getChild(name: string): ArrayLike<number> & { toArray(): ArrayLike<number> } }>;
}
interface Table {
  add(rows: object[]): Promise<unknown>;
  createIndex(column: string, options: { config: unknown }): Promise<void>;
  vectorSearch(query: Float32Array): VectorQuery;
  indexStats(name: string): Promise<{ numIndexedRows: number } | undefined>;
}
type Module = {
  connect(folder: string): Promise<{ createTable(name: string, rows: object[]): Promise<Table> }>;
  Index: { hnswSq(options: object): unknown; btree(): unknown };
};
const SLICE = 10_000;

class LanceIndex implements PeerIndex {
  readonly #module: Module;
  readonly #config: PeerConfig;
  #table: Table | undefined;
  #ef = 64;

  constructor(module: Module, config: PeerConfig) {
    this.#module = module;
    this.#config = config;
  }
  async load({ base, rows, labels }: LoadData): Promise<void> {
    const { dimension, folder, metric, M, efConstruction } = this.#config;
    const connection = await this.#module.connect(path.join(folder, 'lancedb'));
    for (let row = 0; row < rows; row += SLICE) {
      const slice = Array.from({ length: Math.min(SLICE, rows - row) }, (_, i) => ({
        id: row + i,
        label: labels[row + i] as number,
        vector: Array.from(base.subarray((row + i) * dimension, (row + i + 1) * dimension)),
      }));
      if (this.#table) await this.#table.add(slice);
      else this.#table = await connection.createTable('bench', slice);
    }
    const { Index } = this.#module;
    const config = Index.hnswSq({
      distanceType: metric === 'ip' ? 'dot' : metric,
      m: M,
      efConstruction,
      numPartitions: 1,
    });
    await this.#table?.createIndex('vector', { config });
    await this.#table?.createIndex('label', { config: Index.btree() });
  }
  setEf(ef: number): void {
    this.#ef = ef;
  }
  async #run(query: Float32Array, k: number, where?: string): Promise<number[]> {
    const table = this.#table as Table;
    let plan = table.vectorSearch(query).distanceType(this.#config.metric === 'ip' ? 'dot' : this.#config.metric);
    plan = plan.ef(this.#ef).refineFactor(1).nprobes(1).select(['id', '_distance']).limit(k);
    if (where !== undefined) plan = plan.where(where);
    return Array.from((await plan.toArrow()).getChild('id').toArray(), Number);
  }
  search(query: Float32Array, k: number): Promise<number[]> {
    return this.#run(query, k);
  }
  filtered(query: Float32Array, k: number, below: number): Promise<number[]> {
    return this.#run(query, k, `label < ${below}`);
  }
  async insert(vector: Float32Array, id: number): Promise<void> {
    await this.#table?.add([{ id, label: labelOf(id), vector: Array.from(vector) }]);
  }
  close(): void {}
}

export const adapter: PeerAdapter = {
  name: 'lancedb',
  package: '@lancedb/lancedb',
  note: 'IVF_HNSW_SQ with one partition, refine factor 1; on disk; new rows are scanned until optimize()',
  efs: EFS,
  cores: 'promises',
  mixedAsync: true,
  async create(config) {
    return new LanceIndex(await loadPeer<Module>('@lancedb/lancedb'), config);
  },
};
