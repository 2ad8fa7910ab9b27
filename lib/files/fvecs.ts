// TEXMEX fvecs (http://corpus-texmex.irisa.fr): each row is an int32 dimension and that many 32-bit floats, little-endian.
import { createReadStream } from 'node:fs';
import { SageDBError } from '../errors.js';

const MAX_DIMENSION = 65_536;

export interface FvecsRow {
  vector: Float32Array;
  /** Bytes of the file up to the end of the row. */
  end: number;
}

/** The rows of a file, with bounded memory. Throws `CORRUPTION` naming the row. */
export async function* readFvecs(path: string): AsyncGenerator<FvecsRow, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  let row = 0;
  let end = 0;
  let dimension = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    let bytes: Buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (; bytes.length >= 4; row++) {
      const given = bytes.readInt32LE(0);
      const good = given >= 1 && given <= MAX_DIMENSION && (row === 0 || given === dimension);
      if (!good)
        throw new SageDBError(
          'CORRUPTION',
          `${path}: row ${row} has dimension ${given}${row === 0 ? '' : `, not ${dimension}`}`,
        );
      dimension = given;
      const size = 4 + 4 * dimension;
      if (bytes.length < size) break;
      // A copy: rows are not aligned in the chunk.
      const floats = new Uint8Array(bytes.subarray(4, size));
      bytes = bytes.subarray(size);
      end += size;
      yield { vector: new Float32Array(floats.buffer), end };
    }
    rest = bytes;
  }
  if (rest.length > 0) throw new SageDBError('CORRUPTION', `${path}: ends within row ${row}`);
}
