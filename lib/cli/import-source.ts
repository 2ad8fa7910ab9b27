import { stat } from 'node:fs/promises';
import { SageDBError, show } from '../errors.js';
import { readCsv } from '../files/csv.js';
import { readFvecs } from '../files/fvecs.js';
import { readLines } from '../files/line-reader.js';
import { NpyReader } from '../files/npy.js';
import { portableFiles } from '../files/portable.js';
import { PlacedItems, parseLine } from '../import.js';
import type { ImportItem } from '../types.js';
import { UsageError } from './command.js';
import { idOf } from './database.js';
import { numbersIn } from './vector-text.js';

export const FORMATS = ['jsonl', 'npy', 'fvecs', 'csv', 'folder'] as const;
export type ImportFormat = (typeof FORMATS)[number];

/** What `SageDB.import` takes, and the dimension of the first item. */
export interface ImportSource {
  dimension: number;
  items: string | PlacedItems;
}

/** An item and where it stands. */
interface Placed {
  item: ImportItem;
  place: string;
}

export interface CsvColumns {
  id: string;
  vector: string;
}

const NPY_ROWS = 1000;

const STDIN = 'standard input';

/** By extension; standard input is JSON Lines; a folder is what `sagedb export` writes. */
export async function formatOf(path: string): Promise<ImportFormat> {
  if (path === '-') return 'jsonl';
  const known = /\.(jsonl|npy|fvecs|csv)$/.exec(path)?.[1];
  if (known !== undefined) return known as ImportFormat;
  if ((await stat(path)).isDirectory()) return 'folder';
  throw new UsageError(`${path}: --format is needed (${FORMATS.join(', ')})`);
}

export async function importSource(path: string, format: ImportFormat, columns: CsvColumns): Promise<ImportSource> {
  if (path === '-' && format !== 'jsonl') throw new UsageError(`${STDIN} is read as jsonl, not as ${format}`);
  switch (format) {
    case 'jsonl':
      if (path === '-') return firstOf(STDIN, stdinItems());
      return { dimension: await lineDimension(path), items: path };
    case 'folder':
      return { dimension: await npyDimension(portableFiles(path).vectors ?? path), items: path };
    case 'npy':
      return { dimension: await npyDimension(path), items: placed(npyItems(path)) };
    case 'fvecs':
      return firstOf(path, fvecsItems(path));
    case 'csv':
      return firstOf(path, csvItems(path, columns));
  }
}

async function npyDimension(path: string): Promise<number> {
  const reader = await NpyReader.open(path);
  await reader.close();
  return reader.header.columns;
}

/** The import itself says what is wrong with a line. */
async function lineDimension(path: string): Promise<number> {
  for await (const { text } of readLines(path)) {
    try {
      const { vector } = JSON.parse(text) as { vector?: unknown };
      if (Array.isArray(vector)) return vector.length;
    } catch {
      // No JSON.
    }
    break;
  }
  return 0;
}

async function* stdinItems(): AsyncGenerator<Placed> {
  for await (const line of readLines(STDIN, process.stdin)) {
    const place = `${STDIN}:${line.number}`;
    const { id, vector, metadata } = parseLine(line, place) as unknown as ImportItem;
    if (typeof vector !== 'object' || vector === null)
      throw new SageDBError('CORRUPTION', `${place}: expected a vector, got ${show(vector)}`);
    yield { item: { vector, ...(id !== undefined && { id }), ...(metadata !== undefined && { metadata }) }, place };
  }
}

/** Looks at the first item without losing it. */
async function firstOf(path: string, items: AsyncGenerator<Placed>): Promise<ImportSource> {
  const first = await items.next();
  if (first.done) throw new SageDBError('CORRUPTION', `${path}: nothing in it`);
  async function* all(): AsyncGenerator<Placed> {
    yield first.value as Placed;
    yield* items;
  }
  // Vectors of named spaces have no one dimension, and go into a database that has these.
  const { vector } = (first.value as Placed).item as { vector: ArrayLike<number> };
  return { dimension: vector.length ?? 0, items: placed(all()) };
}

function placed(source: AsyncIterable<Placed>): PlacedItems {
  let last = '';
  async function* items(): AsyncGenerator<ImportItem> {
    for await (const { item, place } of source) {
      last = place;
      yield item;
    }
  }
  return new PlacedItems(items(), () => last);
}

async function* npyItems(path: string): AsyncGenerator<Placed> {
  const reader = await NpyReader.open(path);
  try {
    const { columns } = reader.header;
    for (let row = 0; ; ) {
      const values = await reader.read(NPY_ROWS);
      if (values.length === 0) return;
      for (let at = 0; at < values.length; at += columns)
        yield { item: { vector: values.subarray(at, at + columns) }, place: `${path}: row ${row++}` };
    }
  } finally {
    await reader.close();
  }
}

async function* fvecsItems(path: string): AsyncGenerator<Placed> {
  let row = 0;
  for await (const { vector } of readFvecs(path)) yield { item: { vector }, place: `${path}: row ${row++}` };
}

async function* csvItems(path: string, columns: CsvColumns): AsyncGenerator<Placed> {
  for await (const { fields, line } of readCsv(path)) {
    const place = `${path}:${line}`;
    const text = fields.get(columns.vector);
    if (text === undefined) throw new UsageError(`${path}: no column '${columns.vector}' (--vector-column)`);
    const bare = text.trim().replace(/^\[|\]$/g, '');
    const vector = numbersIn(bare.trim());
    const id = fields.get(columns.id);
    const metadata: Record<string, string | number | boolean> = {};
    for (const [name, value] of fields) {
      if (name !== columns.id && name !== columns.vector && value !== '') metadata[name] = valueOfText(value);
    }
    if (vector.some(Number.isNaN))
      throw new SageDBError('CORRUPTION', `${place}: ${columns.vector}: no vector: ${text.slice(0, 40)}`);
    yield { item: { vector, metadata, ...(id !== undefined && id !== '' && { id: idOf(id) }) }, place };
  }
}

/** Numbers and booleans where the text is exactly what JavaScript writes for one; `007` and `1e3` stay text. */
function valueOfText(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return Number.isFinite(number) && String(number) === text ? number : text;
}
