// Named data sets. Generated ones are made on first use and cached in bench/.cache; the real ones are read from ../shared/data where
// that folder exists.
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT, runTool } from './native-tools.js';
import { type Matrix, readRawInts, readVectors } from './vector-file.js';

export type SetMetric = 'l2' | 'cosine' | 'ip';

export interface DataFiles {
  name: string;
  title: string;
  metric: SetMetric;
  dimension: number;
  rows: number;
  base: string;
  query: string;
  /** 100 true neighbors per query. */
  truth: string;
  /** Rows of the same kind that are not in the base set, for insertion workloads. */
  extra: string;
}

export interface DataSet extends Omit<DataFiles, 'base' | 'query' | 'truth' | 'extra'> {
  base: Matrix;
  queries: Matrix;
  truth: Matrix<Int32Array>;
  extra: Matrix;
}

export const TRUTH_K = 100;
const QUERIES = 1000;
const EXTRA = 60_000;
// The generator's stream is endless; queries and extra rows come from far behind the base rows.
const QUERY_FIRST = 1_000_000_000;
const EXTRA_FIRST = 500_000_000;
const SHARED = path.join(ROOT, '..', 'shared', 'data');
const REAL = {
  gloss: { title: 'WordNet definitions', type: 'f16', dimension: 300, rows: 114_944, metric: 'cosine' },
  sift: { title: 'SIFT descriptors', type: 'u8', dimension: 128, rows: 115_600, metric: 'l2' },
} as const;

/**
 * `gloss`, `sift`, or `clustered-<rows>x<dimension>` (rows as 50k, 200k, 1m). Undefined, with a printed line, when a real set is
 * not on this machine.
 */
export function findSet(name: string, cache = path.join(ROOT, 'bench', '.cache')): DataFiles | undefined {
  if (name === 'gloss' || name === 'sift') return realSet(name, cache);
  const match = /^clustered-(\d+)(k|m)?x(\d+)$/.exec(name);
  if (!match) throw new Error(`data set ${name}: expected gloss, sift or clustered-<rows>x<dimension>`);
  const rows = Number(match[1]) * (match[2] === 'k' ? 1000 : match[2] === 'm' ? 1_000_000 : 1);
  return clusteredSet(name, rows, Number(match[3]), cache);
}

export function loadSet(files: DataFiles): DataSet {
  const { dimension } = files;
  return {
    ...files,
    base: readVectors(files.base, dimension),
    queries: readVectors(files.query, dimension),
    truth: readRawInts(files.truth, TRUTH_K),
    extra: readVectors(files.extra, dimension),
  };
}

function realSet(name: keyof typeof REAL, cache: string): DataFiles | undefined {
  const { title, type, dimension, rows, metric } = REAL[name];
  const folder = path.join(SHARED, name);
  if (!existsSync(folder)) {
    process.stderr.write(`data set ${name}: SKIPPED, ../shared/data/${name} is not on this machine\n`);
    return undefined;
  }
  const base = path.join(folder, `base.${type}`);
  const extra = path.join(cache, name, 'extra.f32');
  if (!existsSync(extra)) writeNeighbours(base, dimension, extra);
  return {
    name,
    title,
    metric,
    dimension,
    rows,
    base,
    query: path.join(folder, `query.${type}`),
    truth: path.join(folder, 'gt100.i32'),
    extra,
  };
}

function clusteredSet(name: string, rows: number, dimension: number, cache: string): DataFiles {
  const folder = path.join(cache, name);
  mkdirSync(folder, { recursive: true });
  const file = (part: string) => path.join(folder, part);
  const generate = (part: string, first: number, count: number) => {
    if (existsSync(file(part))) return;
    runTool('sagedb_dataset_tool', [
      'generate',
      '--out',
      file(part),
      '--rows',
      String(count),
      '--dim',
      String(dimension),
      '--first',
      String(first),
    ]);
  };
  generate('base.f32', 0, rows);
  generate('query.f32', QUERY_FIRST, QUERIES);
  generate('extra.f32', EXTRA_FIRST, EXTRA);
  if (!existsSync(file('gt100.i32'))) {
    process.stderr.write(`data set ${name}: computing exact neighbors\n`);
    runTool('sagedb_dataset_tool', [
      'truth',
      '--base',
      file('base.f32'),
      '--query',
      file('query.f32'),
      '--dim',
      String(dimension),
      '--metric',
      'cosine',
      '--k',
      String(TRUTH_K),
      '--out',
      file('gt100.i32'),
    ]);
  }
  return {
    name,
    title: `generated clusters, ${rows.toLocaleString('en')} × ${dimension}`,
    metric: 'cosine',
    dimension,
    rows,
    base: file('base.f32'),
    query: file('query.f32'),
    truth: file('gt100.i32'),
    extra: file('extra.f32'),
  };
}

// The real sets have no spare rows: their insertion workloads take base rows moved by 5% of their length in a random direction.
function writeNeighbours(base: string, dimension: number, out: string): void {
  const source = readVectors(base, dimension);
  const values = new Float32Array(EXTRA * dimension);
  let state = 12345;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let r = 0; r < EXTRA; r++) {
    const from = Math.floor(random() * source.rows) * dimension;
    const row = source.values.subarray(from, from + dimension);
    const spread = 0.05 * Math.sqrt((3 / dimension) * row.reduce((sum, v) => sum + v * v, 0));
    for (let i = 0; i < dimension; i++) values[r * dimension + i] = (row[i] as number) + spread * (2 * random() - 1);
  }
  mkdirSync(path.dirname(out), { recursive: true });
  writeFileSync(`${out}.tmp`, values);
  renameSync(`${out}.tmp`, out);
}

/** Mean share of the first k true neighbors among the first k found, for the queries that were asked. */
export function recallAt(
  k: number,
  truth: Matrix<Int32Array>,
  found: readonly (readonly number[] | Int32Array)[],
): number {
  let hits = 0;
  for (const [q, rows] of found.entries()) {
    const want = new Set(truth.values.subarray(q * truth.dimension, q * truth.dimension + k));
    for (let i = 0; i < Math.min(k, rows.length); i++) if (want.has(rows[i] as number)) hits++;
  }
  return found.length === 0 ? 0 : hits / (found.length * k);
}
