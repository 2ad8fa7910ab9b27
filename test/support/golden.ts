// Golden databases: small ones of every kind, with what they must answer. Written by `npm run golden`, committed under test/golden/format-<n>, opened by every
// later version (test/api/golden.test.ts).
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Id, type Metadata, type OpenPathOptions, SageDB } from '../../lib/index.js';
import { random, randomFlat, randomVector } from './numbers.js';

/** One answer of an exact search. */
interface GoldenSearch {
  query: number[];
  hits: [id: Id, score: number][];
}

export interface Expected {
  items: { id: Id; metadata: Metadata; vector: number[] }[];
  searches: GoldenSearch[];
  nextId: number;
  dimension: number;
  metric: string;
}

interface Golden {
  name: string;
  options: Omit<OpenPathOptions, 'path'>;
  rows: number;
  /** With a graph and codes. */
  indexed: boolean;
  /** As a killed process leaves it: its log has no end. */
  killed: boolean;
}

const GOLDENS: Golden[] = [
  {
    name: 'cosine-hnsw',
    options: { dimension: 40, metric: 'cosine', index: { type: 'hnsw' } },
    rows: 60,
    indexed: true,
    killed: false,
  },
  {
    name: 'ip-killed',
    options: { dimension: 33, metric: 'ip', index: { type: 'auto' } },
    rows: 40,
    indexed: true,
    killed: true,
  },
  {
    name: 'l2-float16-flat',
    options: { dimension: 3, metric: 'l2', index: { type: 'flat' }, vectors: 'float16' },
    rows: 30,
    indexed: false,
    killed: false,
  },
];

const TEXTS = ['plain', 'ünïcödé', '🙂 smile', '\ud800 alone', '', 'line\nbreak'];

function idOf(i: number): Id | undefined {
  if (i % 3 === 0) return undefined;
  return i % 3 === 1 ? `${TEXTS[i % TEXTS.length]}-${i}` : -i;
}

const metadataOf = (i: number): Metadata => ({
  n: i,
  text: TEXTS[i % TEXTS.length] as string,
  tags: ['a', `t${i % 4}`],
  nested: { deep: { value: i / 7, none: null, yes: i % 2 === 0 } },
});

async function fill(db: SageDB, golden: Golden, scratch: string): Promise<void> {
  const next = random(golden.rows);
  const { dimension } = db;
  for (let i = 0; i < golden.rows; i++) void db.add(randomVector(next, dimension), metadataOf(i), { id: idOf(i) });
  await db.remove(['ünïcödé-1', -2, 1]);
  if (golden.indexed) await db.buildIndex();
  // snapshot() begins with a checkpoint; what follows is in the log only.
  await db.snapshot(scratch);
  rmSync(scratch, { recursive: true });
  await db.addBatch(randomFlat(next, 5, dimension), undefined, { ids: ['tail', 900, 901, 902, 903] });
  await db.update('tail', { metadata: { late: true } });
  await db.update(901, { vector: randomVector(next, dimension) });
  await db.upsert(randomVector(next, dimension), { replaced: 'yes' }, { id: -5 });
  await db.remove([902, -8]);
  await db.flush();
}

export async function answersOf(db: SageDB): Promise<Expected> {
  const items: Expected['items'] = [];
  for await (const item of db.iterate(undefined, { includeVector: true }))
    items.push({ ...item, vector: Array.from(item.vector) });
  const next = random(99);
  const searches: GoldenSearch[] = [];
  for (let i = 0; i < 5; i++) {
    const query = randomVector(next, db.dimension);
    const hits = await db.search(query, { k: 8, exact: true });
    searches.push({ query: Array.from(query), hits: hits.map(({ id, score }) => [id, score]) });
  }
  const highest = items.reduce((most, { id }) => (typeof id === 'number' && id > most ? id : most), 0);
  return { items, searches, nextId: highest + 1, dimension: db.dimension, metric: db.metric };
}

/** Writes one folder per golden database into `folder`: `db` and `expected.json`. */
export async function writeGoldens(folder: string): Promise<void> {
  for (const golden of GOLDENS) {
    const target = join(folder, golden.name);
    const work = join(folder, `${golden.name}.work`);
    mkdirSync(target, { recursive: true });
    const db = await SageDB.open({ ...golden.options, path: work });
    await fill(db, golden, join(folder, 'scratch'));
    const expected = await answersOf(db);
    if (!golden.killed) await db.close();
    cpSync(work, join(target, 'db'), { recursive: true, filter: (source) => !source.endsWith('LOCK') });
    await db.close();
    rmSync(work, { recursive: true });
    writeFileSync(join(target, 'expected.json'), `${JSON.stringify(expected)}\n`);
  }
}

export const goldenNames = (folder: string): string[] => readdirSync(folder).sort();

export function readExpected(folder: string, name: string): Expected {
  return JSON.parse(readFileSync(join(folder, name, 'expected.json'), 'utf8')) as Expected;
}

/** The kinds of files in all databases of `folder`: `vectors`, `wal`, … */
export function fileKinds(folder: string): Set<string> {
  const names = goldenNames(folder).flatMap((name) => readdirSync(join(folder, name, 'db')));
  return new Set(names.map((name) => name.replace(/[-.].*/, '')));
}
