import path from 'node:path';
import { EFS, type LoadData, labelOf, loadPeer, type PeerAdapter, type PeerIndex } from '../adapter.js';

interface Doc {
  id: string;
  vectors?: Record<string, Float32Array>;
  fields?: Record<string, number>;
}
interface Query {
  fieldName: string;
  vector: Float32Array;
  topk: number;
  filter?: string;
  outputFields: string[];
  params: { indexType: number; ef: number };
}
interface Collection {
  insertSync(docs: Doc[]): { ok: boolean; message: string }[];
  query(query: Query): Promise<{ id: string }[]>;
  querySync(query: Query): { id: string }[];
  optimize(): Promise<void>;
  stats: { docCount: number; indexCompleteness: Record<string, number> };
  closeSync(): void;
}
type Module = {
  ZVecCollectionSchema: new (schema: object) => object;
  ZVecCreateAndOpen(path: string, schema: object): Collection;
  ZVecInitialize(options: object): void;
  ZVecDataType: Record<string, number>;
  ZVecIndexType: Record<string, number>;
  ZVecMetricType: Record<string, number>;
  ZVecLogLevel: Record<string, number>;
};
const SLICE = 1000;

class ZvecIndex implements PeerIndex {
  readonly #collection: Collection;
  readonly #dimension: number;
  readonly #hnsw: number;
  #ef = 64;

  constructor(collection: Collection, dimension: number, hnsw: number) {
    this.#collection = collection;
    this.#dimension = dimension;
    this.#hnsw = hnsw;
  }
  async load({ base, rows, labels }: LoadData): Promise<void> {
    for (let row = 0; row < rows; row += SLICE) {
      const docs = Array.from({ length: Math.min(SLICE, rows - row) }, (_, i) =>
        this.#doc(
          row + i,
          base.subarray((row + i) * this.#dimension, (row + i + 1) * this.#dimension),
          labels[row + i] as number,
        ),
      );
      this.#insert(docs);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await this.#collection.optimize();
  }
  #doc(id: number, vector: Float32Array, label: number): Doc {
    return { id: String(id), vectors: { v: vector }, fields: { label } };
  }
  #insert(docs: Doc[]): void {
    const failed = this.#collection.insertSync(docs).find((status) => !status.ok);
    if (failed) throw new Error(`zvec: ${failed.message}`);
  }
  #query(vector: Float32Array, topk: number, filter?: string): Query {
    const params = { indexType: this.#hnsw, ef: this.#ef };
    return { fieldName: 'v', vector, topk, outputFields: [], params, ...(filter ? { filter } : {}) };
  }
  setEf(ef: number): void {
    this.#ef = ef;
  }
  async search(query: Float32Array, k: number): Promise<number[]> {
    return (await this.#collection.query(this.#query(query, k))).map((doc) => Number(doc.id));
  }
  searchSync(query: Float32Array, k: number): number[] {
    return this.#collection.querySync(this.#query(query, k)).map((doc) => Number(doc.id));
  }
  async filtered(query: Float32Array, k: number, below: number): Promise<number[]> {
    const found = await this.#collection.query(this.#query(query, k, `label < ${below}`));
    return found.map((doc) => Number(doc.id));
  }
  filteredSync(query: Float32Array, k: number, below: number): number[] {
    const found = this.#collection.querySync(this.#query(query, k, `label < ${below}`));
    return found.map((doc) => Number(doc.id));
  }
  insert(vector: Float32Array, id: number): void {
    this.#insert([this.#doc(id, vector, labelOf(id))]);
  }
  indexedRows(): number {
    const { docCount, indexCompleteness } = this.#collection.stats;
    return Math.round(docCount * (indexCompleteness.v ?? 0));
  }
  close(): void {
    this.#collection.closeSync();
  }
}

export const adapter: PeerAdapter = {
  name: 'zvec',
  package: '@zvec/zvec',
  note: 'asynchronous search, synchronous writes; on disk; new rows are scanned until optimize()',
  efs: EFS,
  cores: 'promises',
  mixedAsync: false,
  async create(config) {
    const z = await loadPeer<Module>('@zvec/zvec');
    z.ZVecInitialize({ logLevel: z.ZVecLogLevel.ERROR });
    const metric = { l2: z.ZVecMetricType.L2, ip: z.ZVecMetricType.IP, cosine: z.ZVecMetricType.COSINE }[config.metric];
    const schema = new z.ZVecCollectionSchema({
      name: 'bench',
      vectors: {
        name: 'v',
        dataType: z.ZVecDataType.VECTOR_FP32,
        dimension: config.dimension,
        indexParams: {
          indexType: z.ZVecIndexType.HNSW,
          metricType: metric,
          m: config.M,
          efConstruction: config.efConstruction,
        },
      },
      fields: {
        name: 'label',
        dataType: z.ZVecDataType.INT32,
        indexParams: { indexType: z.ZVecIndexType.INVERT, enableRangeOptimization: true },
      },
    });
    const collection = z.ZVecCreateAndOpen(path.join(config.folder, 'zvec'), schema);
    return new ZvecIndex(collection, config.dimension, z.ZVecIndexType.HNSW as number);
  },
};
