// Readers of the vector file formats that benchmark data comes in. Every reader checks that the file holds whole rows and names
// the file in its errors.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { halvesToFloats, npyFloats, parseNpyHeader } from '../../lib/files/npy.js';

/** Rows of equal length, row after row. */
export interface Matrix<A extends Float32Array | Int32Array = Float32Array> {
  rows: number;
  dimension: number;
  values: A;
}

const READ_PIECE = 1 << 28;

// readFileSync ends at 2 GiB; one million 768-d vectors are 3 GB.
function readBytes(path: string, limit = Number.POSITIVE_INFINITY): ArrayBuffer {
  const file = openSync(path, 'r');
  try {
    const size = Math.min(fstatSync(file).size, limit);
    const bytes = new ArrayBuffer(size);
    for (let at = 0; at < size; ) {
      const got = readSync(file, new Uint8Array(bytes, at, Math.min(READ_PIECE, size - at)));
      if (got === 0) throw new Error(`${path}: ends after ${at} of ${size} bytes`);
      at += got;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

function shape(path: string, values: number, dimension: number): number {
  if (!Number.isInteger(dimension) || dimension < 1) throw new Error(`${path}: dimension ${dimension} is not positive`);
  if (values % dimension !== 0) throw new Error(`${path}: ${values} values are not whole rows of ${dimension}`);
  return values / dimension;
}

export type RawType = 'f32' | 'f16' | 'u8';
const RAW_BYTES: Record<RawType, number> = { f32: 4, f16: 2, u8: 1 };

/** Raw little-endian rows without a header, converted to floats. `maxRows` reads only the beginning. */
export function readRaw(path: string, type: RawType, dimension: number, maxRows = Number.POSITIVE_INFINITY): Matrix {
  const bytes = readBytes(path, maxRows * dimension * RAW_BYTES[type]);
  if (bytes.byteLength % RAW_BYTES[type] !== 0) throw new Error(`${path}: not whole ${type} values`);
  const values =
    type === 'f32'
      ? new Float32Array(bytes)
      : type === 'f16'
        ? halvesToFloats(new Uint16Array(bytes))
        : Float32Array.from(new Uint8Array(bytes));
  return { rows: shape(path, values.length, dimension), dimension, values };
}

/** Raw little-endian int32 rows: ground truth. */
export function readRawInts(path: string, dimension: number): Matrix<Int32Array> {
  const bytes = readBytes(path);
  if (bytes.byteLength % 4 !== 0) throw new Error(`${path}: not whole int32 values`);
  const values = new Int32Array(bytes);
  return { rows: shape(path, values.length, dimension), dimension, values };
}

function unframe(path: string): { dimension: number; rows: number; words: Int32Array } {
  const bytes = readBytes(path);
  if (bytes.byteLength % 4 !== 0 || bytes.byteLength === 0) throw new Error(`${path}: not an fvecs or ivecs file`);
  const words = new Int32Array(bytes);
  const dimension = words[0] as number;
  if (dimension < 1 || words.length % (dimension + 1) !== 0) {
    throw new Error(`${path}: ${words.length} words are not whole records of dimension ${dimension}`);
  }
  const rows = words.length / (dimension + 1);
  for (let r = 0; r < rows; r++) {
    if (words[r * (dimension + 1)] !== dimension) throw new Error(`${path}: record ${r} has another dimension`);
  }
  return { dimension, rows, words };
}

/** TEXMEX fvecs (http://corpus-texmex.irisa.fr): each row is an int32 dimension and that many floats. */
export function readFvecs(path: string): Matrix {
  const { dimension, rows, words } = unframe(path);
  const floats = new Float32Array(words.buffer);
  const values = new Float32Array(rows * dimension);
  for (let r = 0; r < rows; r++) {
    const from = r * (dimension + 1) + 1;
    values.set(floats.subarray(from, from + dimension), r * dimension);
  }
  return { rows, dimension, values };
}

/** TEXMEX ivecs: as fvecs with int32 values. */
export function readIvecs(path: string): Matrix<Int32Array> {
  const { dimension, rows, words } = unframe(path);
  const values = new Int32Array(rows * dimension);
  for (let r = 0; r < rows; r++) {
    const from = r * (dimension + 1) + 1;
    values.set(words.subarray(from, from + dimension), r * dimension);
  }
  return { rows, dimension, values };
}

/** NumPy .npy, as lib/files/npy.ts reads it, at once. */
export function readNpy(path: string): Matrix {
  const bytes = readBytes(path);
  const { type, rows, columns, start } = parseNpyHeader(Buffer.from(bytes), path);
  const values = npyFloats(type, bytes.slice(start));
  if (values.length !== rows * columns) throw new Error(`${path}: ${values.length} values for ${rows} × ${columns}`);
  return { rows, dimension: columns, values };
}

/** By extension. Raw files need their dimension. */
export function readVectors(path: string, dimension?: number, maxRows?: number): Matrix {
  const type = path.slice(path.lastIndexOf('.') + 1);
  if (type === 'fvecs') return readFvecs(path);
  if (type === 'npy') return readNpy(path);
  if (type === 'f32' || type === 'f16' || type === 'u8') {
    if (dimension === undefined) throw new Error(`${path}: a raw file needs its dimension`);
    return readRaw(path, type, dimension, maxRows);
  }
  throw new Error(`${path}: expected .fvecs, .npy, .f32, .f16 or .u8`);
}
