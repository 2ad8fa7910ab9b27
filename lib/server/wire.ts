/**
 * The binary body of requests and responses: vectors as they lie in memory instead of digits.
 *
 *     u32  length of the head in bytes, little endian
 *     head JSON (UTF-8): the JSON body without its vectors
 *     0..3 zero bytes, so that what follows starts at a multiple of 4
 *     f32  little endian: the vectors, one after the other, to the end
 *
 * Node runs on little-endian machines only, so floats are moved as bytes.
 */
import { SageDBError } from '../errors.js';

export const BINARY_TYPE = 'application/vnd.sagedb.vectors';

export const NO_FLOATS = new Float32Array(0);

export interface Frame {
  head: unknown;
  floats: Float32Array;
}

/** The parts of a frame, to be sent one after the other. */
export function encodeFrame(headText: string, floats: Float32Array): Buffer[] {
  const headLength = Buffer.byteLength(headText);
  const start = align(4 + headLength);
  const head = Buffer.alloc(start);
  head.writeUInt32LE(headLength, 0);
  head.write(headText, 4);
  return [head, Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength)];
}

/** Throws `INVALID_ARGUMENT` for everything that is not exactly one frame. */
export function decodeFrame(bytes: Uint8Array): Frame {
  if (bytes.length < 4) throw malformed(`expected at least 4 bytes, got ${bytes.length}`);
  const headLength = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  if (headLength > bytes.length - 4) {
    throw malformed(`the head is said to have ${headLength} bytes, ${bytes.length - 4} are there`);
  }
  const start = Math.min(align(4 + headLength), bytes.length);
  if ((bytes.length - start) % 4 !== 0) {
    throw malformed(`expected 32-bit floats after the head, got ${bytes.length - start} bytes`);
  }
  const head = parseHead(bytes.subarray(4, 4 + headLength));
  // A copy: the bytes of a request lie at any address in a shared pool, and a Buffer's own slice() would be a view of it.
  const floats = new Float32Array((bytes.length - start) / 4);
  new Uint8Array(floats.buffer).set(bytes.subarray(start));
  return { head, floats };
}

function parseHead(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new SageDBError('INVALID_ARGUMENT', 'binary body: the head is not JSON', { cause });
  }
}

function align(length: number): number {
  return (length + 3) & ~3;
}

function malformed(message: string): SageDBError {
  return new SageDBError('INVALID_ARGUMENT', `binary body: ${message}`);
}
