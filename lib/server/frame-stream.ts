/**
 * An answer in parts: frames (see wire.ts), each after its length in bytes (u32, little endian). The head of a frame is one of
 *
 *     { items }     a page of an iterator; the floats are the items' vectors
 *     { progress }  how far the work is
 *     { result }    the last frame of one that succeeded
 *     { error }     the last frame of one that failed
 *
 * A stream that ends without one of the last two was cut off.
 */
import { SageDBError } from '../errors.js';
import { decodeFrame, encodeFrame, type Frame } from './wire.js';

export const STREAM_TYPE = 'application/vnd.sagedb.stream';

export function encodePart(headText: string, floats: Float32Array): Buffer {
  const frame = encodeFrame(headText, floats);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(frame.reduce((sum, part) => sum + part.length, 0));
  return Buffer.concat([length, ...frame]);
}

/** The frames of a stream as they come. Holds one frame. */
export async function* decodeParts(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame, void, undefined> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    held.push(chunk);
    size += chunk.length;
    // Joined once there is something to take, so that a large frame is copied once.
    while (size >= 4) {
      if ((held[0] as Buffer).length < 4) held = [Buffer.concat(held)];
      const end = 4 + (held[0] as Buffer).readUInt32LE(0);
      if (size < end) break;
      const joined = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
      yield decodeFrame(joined.subarray(4, end));
      held = [joined.subarray(end)];
      size -= end;
    }
  }
  if (size > 0) throw new SageDBError('UNAVAILABLE', 'the connection broke in the middle of an answer');
}
