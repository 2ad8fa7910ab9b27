import path from 'node:path';
import { type LoadData, labelOf, loadPeer, type PeerAdapter, type PeerConfig, type PeerIndex } from '../adapter.js';

interface Statement {
  run(...values: unknown[]): void;
  all(...values: unknown[]): { rowid: number }[];
}
interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  transaction<T>(work: () => T): () => T;
  close(): void;
}
type Sqlite = { default: new (file: string) => Database };
type Extension = { load(db: Database): void };

class SqliteVecIndex implements PeerIndex {
  readonly #db: Database;
  readonly #config: PeerConfig;
  readonly #insert: Statement;
  readonly #search: Statement;
  readonly #filtered: Statement;

  constructor(db: Database, config: PeerConfig) {
    this.#db = db;
    this.#config = config;
    this.#insert = db.prepare('INSERT INTO bench(rowid, label, v) VALUES (?, ?, ?)');
    this.#search = db.prepare('SELECT rowid FROM bench WHERE v MATCH ? AND k = ?');
    this.#filtered = db.prepare('SELECT rowid FROM bench WHERE v MATCH ? AND k = ? AND label < ?');
  }
  async load({ base, rows, labels }: LoadData): Promise<void> {
    const { dimension } = this.#config;
    for (let row = 0; row < rows; row += 1000) {
      const end = Math.min(rows, row + 1000);
      this.#db.transaction(() => {
        for (let r = row; r < end; r++) {
          this.#insert.run(BigInt(r), BigInt(labels[r] as number), base.subarray(r * dimension, (r + 1) * dimension));
        }
      })();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  setEf(): void {}
  search(query: Float32Array, k: number): number[] {
    return this.#search.all(query, BigInt(k)).map((row) => row.rowid);
  }
  searchSync(query: Float32Array, k: number): number[] {
    return this.search(query, k);
  }
  filtered(query: Float32Array, k: number, below: number): number[] {
    return this.#filtered.all(query, BigInt(k), BigInt(below)).map((row) => row.rowid);
  }
  insert(vector: Float32Array, id: number): void {
    this.#insert.run(BigInt(id), BigInt(labelOf(id)), vector);
  }
  save(): void {}
  close(): void {
    this.#db.close();
  }
}

async function connect(config: PeerConfig): Promise<Database> {
  const { default: Sqlite } = await loadPeer<Sqlite>('better-sqlite3');
  const extension = await loadPeer<Extension>('sqlite-vec');
  const db = new Sqlite(path.join(config.folder, 'sqlite-vec.db'));
  extension.load(db);
  db.exec('PRAGMA journal_mode = WAL');
  return db;
}

export const adapter: PeerAdapter = {
  name: 'sqlite-vec',
  package: 'sqlite-vec',
  note: 'exact scan through better-sqlite3; synchronous; all cores = one connection per worker thread',
  efs: [0],
  cores: 'workers',
  mixedAsync: true,
  async create(config) {
    const db = await connect(config);
    const metric = config.metric === 'l2' ? 'L2' : 'cosine';
    db.exec(
      `CREATE VIRTUAL TABLE bench USING vec0(v float[${config.dimension}] distance_metric=${metric}, label integer)`,
    );
    return new SqliteVecIndex(db, config);
  },
  async open(config) {
    return new SqliteVecIndex(await connect(config), config);
  },
};
