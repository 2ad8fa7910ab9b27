// Readers of the vector file formats that benchmark data comes in. Every reader checks that the file holds whole rows and names
// the file in its errors.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

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

let halves: Float32Array | undefined;

/** All 65,536 half-precision values (IEEE 754 binary16) as floats. */
function halfTable(): Float32Array {
  if (halves) return halves;
  halves = new Float32Array(65536);
  for (let h = 0; h < 65536; h++) {
    const exponent = (h >> 10) & 31;
    const fraction = h & 1023;
    const size =
      exponent === 31
        ? fraction === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : exponent === 0
          ? fraction * 2 ** -24
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    halves[h] = h & 0x8000 ? -size : size;
  }
  return halves;
}

export function halvesToFloats(source: Uint16Array): Float32Array {
  const table = halfTable();
  const out = new Float32Array(source.length);
  for (let i = 0; i < source.length; i++) out[i] = table[source[i] as number] as number;
  return out;
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

/** NumPy .npy, versions 1 to 3: two-dimensional, C order, little-endian f2, f4, f8, u1 or i4. */
export function readNpy(path: string): Matrix {
  const bytes = readBytes(path);
  const view = new DataView(bytes);
  const magic = bytes.byteLength >= 10 && view.getUint32(0) === 0x934e554d && view.getUint16(4) === 0x5059;
  if (!magic) throw new Error(`${path}: not an npy file`);
  const wide = view.getUint8(6) > 1;
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = Buffer.from(bytes, start, length).toString('latin1');
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const sizes = /'shape':\s*\(([^)]*)\)/
    .exec(header)?.[1]
    ?.split(',')
    .map((s) => s.trim())
    .filter(Boolean)
    .map(Number);
  if (/'fortran_order':\s*True/.test(header)) throw new Error(`${path}: Fortran order is not supported`);
  if (sizes?.length !== 2) throw new Error(`${path}: expected two dimensions, got shape (${sizes?.join(', ')})`);
  const [rows, dimension] = sizes as [number, number];
  const data = bytes.slice(start + length);
  const values = npyValues(path, descr, data);
  if (values.length !== rows * dimension)
    throw new Error(`${path}: ${values.length} values for ${rows} × ${dimension}`);
  return { rows, dimension, values };
}

function npyValues(path: string, descr: string | undefined, data: ArrayBuffer): Float32Array {
  switch (descr) {
    case '<f4':
      return new Float32Array(data);
    case '<f2':
      return halvesToFloats(new Uint16Array(data));
    case '<f8':
      return Float32Array.from(new Float64Array(data));
    case '|u1':
      return Float32Array.from(new Uint8Array(data));
    case '<i4':
      return Float32Array.from(new Int32Array(data));
    default:
      throw new Error(`${path}: type ${descr} is not supported (f2, f4, f8, u1, i4)`);
  }
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
