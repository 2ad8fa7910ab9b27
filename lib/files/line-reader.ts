import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { SageDBError } from '../errors.js';

/** Bytes of one line: metadata of the largest size, with every character escaped, and a vector of the largest dimension. */
const MAX_LINE = 128 * 1024 * 1024;
const NEWLINE = 0x0a;

export interface Line {
  text: string;
  /** From 1 on. */
  number: number;
  /** Bytes of the file up to the end of the line. */
  end: number;
  /** Bytes of the whole file when it was opened; 0 where nobody knows. */
  size: number;
}

/**
 * The lines of a UTF-8 file that are not empty, with bounded memory. Throws `CORRUPTION` for bytes that are not UTF-8 and for lines without
 * end, naming file and line. With `input` the bytes come from there, and `path` is its name.
 */
export async function* readLines(path: string, input?: Readable): AsyncGenerator<Line, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let pieces: Buffer[] = [];
  let held = 0;
  let number = 1;
  let end = 0;
  let stream = input;
  let size = 0;
  if (stream === undefined) {
    // Closed by its stream.
    const file = await open(path, 'r');
    size = (await file.stat()).size;
    stream = file.createReadStream({ highWaterMark: 256 * 1024 });
  }
  const lineOf = (bytes: Buffer): Line | undefined => {
    try {
      const text = decoder.decode(bytes).trim();
      return text === '' ? undefined : { text, number, end, size };
    } catch (cause) {
      throw new SageDBError('CORRUPTION', `${path}:${number}: not UTF-8`, { cause });
    }
  };
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      pieces.push(chunk.subarray(from, at));
      const bytes = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
      pieces = [];
      end += bytes.length + 1;
      held = 0;
      from = at + 1;
      const line = lineOf(bytes);
      if (line) yield line;
      number++;
    }
    held += chunk.length - from;
    if (held > MAX_LINE)
      throw new SageDBError('CORRUPTION', `${path}:${number}: a line of more than ${MAX_LINE} bytes`);
    if (from < chunk.length) pieces.push(chunk.subarray(from));
  }
  const rest = Buffer.concat(pieces);
  end += rest.length;
  const line = lineOf(rest);
  if (line) yield line;
}
