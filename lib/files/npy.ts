// NumPy's .npy: a short text header and rows of numbers. Reads versions 1 to 3, two-dimensional, C order, little-endian; writes version 1,
// 32-bit floats. Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
import { type FileHandle, open } from 'node:fs/promises';
import { SageDBError } from '../errors.js';

export type NpyType = '<f2' | '<f4' | '<f8' | '|u1' | '<i4';

export interface NpyHeader {
  type: NpyType;
  rows: number;
  columns: number;
  /** Where the numbers begin. */
  start: number;
}

export const NPY_ITEM_BYTES: Record<NpyType, number> = { '<f2': 2, '<f4': 4, '<f8': 8, '|u1': 1, '<i4': 4 };

/** Bytes that say how long the header is. */
const PREFIX = 12;
/** A header names a type and two sizes; NumPy's own limit for untrusted files is 10,000 characters. */
const MAX_HEADER = 10_000;
/** What we write: a multiple of 64 with room for any number of rows, so that the header can be written again in its place. */
const WRITTEN_HEADER = 128;

function damaged(name: string, problem: string): SageDBError {
  return new SageDBError('CORRUPTION', `${name}: ${problem}`);
}

/** Length of the header that `prefix`, the first bytes of the file, announces. */
function headerEnd(prefix: Buffer, name: string): { from: number; end: number } {
  const magic = prefix.length >= PREFIX && prefix.toString('latin1', 0, 6) === '\x93NUMPY';
  const version = prefix[6] ?? 0;
  if (!magic || version < 1 || version > 3) throw damaged(name, 'not an npy file');
  const from = version === 1 ? 10 : 12;
  const length = version === 1 ? prefix.readUInt16LE(8) : prefix.readUInt32LE(8);
  if (length > MAX_HEADER) throw damaged(name, `a header of ${length} bytes`);
  return { from, end: from + length };
}

/** `bytes` begin with the file's header and hold all of it. Throws `CORRUPTION` naming the file. */
export function parseNpyHeader(bytes: Buffer, name: string): NpyHeader {
  const { from, end } = headerEnd(bytes, name);
  if (bytes.length < end) throw damaged(name, 'ends in its header');
  const text = bytes.toString('latin1', from, end);
  const type = /'descr':\s*'([^']*)'/.exec(text)?.[1];
  if (!/'fortran_order':\s*False/.test(text)) throw damaged(name, 'Fortran order is not supported');
  const sizes = /'shape':\s*\(([^)]*)\)/
    .exec(text)?.[1]
    ?.split(',')
    .map((size) => size.trim())
    .filter(Boolean)
    .map(Number);
  const [rows = -1, columns = -1] = sizes ?? [];
  if (sizes?.length !== 2) throw damaged(name, `expected two dimensions, got shape (${sizes?.join(', ') ?? ''})`);
  if (!Number.isSafeInteger(rows) || rows < 0 || !Number.isSafeInteger(columns) || columns < 1)
    throw damaged(name, `shape (${sizes.join(', ')})`);
  if (type === undefined || !Object.hasOwn(NPY_ITEM_BYTES, type))
    throw damaged(name, `type ${type} is not supported (f2, f4, f8, u1, i4)`);
  return { type: type as NpyType, rows, columns, start: end };
}

/** The header of rows × columns 32-bit floats: always as long. */
export function npyHeader(rows: number, columns: number): Buffer {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const bytes = Buffer.alloc(WRITTEN_HEADER, ' ');
  bytes.write('\x93NUMPY\x01\x00', 'latin1');
  bytes.writeUInt16LE(WRITTEN_HEADER - 10, 8);
  bytes.write(text, 10, 'latin1');
  bytes[WRITTEN_HEADER - 1] = 0x0a;
  return bytes;
}

/** Numbers of any of the types as floats. Type f4 is a view of `bytes`. */
export function npyFloats(type: NpyType, bytes: ArrayBuffer): Float32Array {
  switch (type) {
    case '<f4':
      return new Float32Array(bytes);
    case '<f2':
      return halvesToFloats(new Uint16Array(bytes));
    case '<f8':
      return Float32Array.from(new Float64Array(bytes));
    case '|u1':
      return Float32Array.from(new Uint8Array(bytes));
    case '<i4':
      return Float32Array.from(new Int32Array(bytes));
  }
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

/** Reads an npy file row by row; memory stays at what is asked for. */
export class NpyReader {
  readonly header: NpyHeader;
  readonly #file: FileHandle;
  readonly #path: string;
  #row = 0;

  private constructor(file: FileHandle, path: string, header: NpyHeader) {
    this.#file = file;
    this.#path = path;
    this.header = header;
  }

  /** Throws `CORRUPTION` when the header is damaged or contradicts the length of the file. */
  static async open(path: string): Promise<NpyReader> {
    const file = await open(path, 'r');
    try {
      const prefix = await readAt(file, 0, PREFIX);
      const { end } = headerEnd(prefix, path);
      const header = parseNpyHeader(await readAt(file, 0, end), path);
      const { size } = await file.stat();
      const expected = header.start + header.rows * header.columns * NPY_ITEM_BYTES[header.type];
      if (size !== expected) throw damaged(path, `${size} bytes long, expected ${expected} for its shape`);
      return new NpyReader(file, path, header);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The next `rows` rows, fewer at the end of the file. */
  async read(rows: number): Promise<Float32Array> {
    const { type, columns, start } = this.header;
    const bytesPerRow = columns * NPY_ITEM_BYTES[type];
    const count = Math.min(rows, this.header.rows - this.#row);
    const bytes = await readAt(this.#file, start + this.#row * bytesPerRow, count * bytesPerRow);
    if (bytes.length < count * bytesPerRow) throw damaged(this.#path, `ends in row ${this.#row + 1} or soon after`);
    this.#row += count;
    return npyFloats(type, bytes.buffer as ArrayBuffer);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Less than `size` bytes only at the end of the file. */
async function readAt(file: FileHandle, at: number, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let done = 0;
  while (done < size) {
    const { bytesRead } = await file.read(bytes, done, size - done, at + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}
