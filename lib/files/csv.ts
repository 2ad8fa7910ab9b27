// Comma-separated values, RFC 4180: quoted fields may hold commas, line ends and doubled quotation marks.
import { createReadStream } from 'node:fs';
import { SageDBError } from '../errors.js';

/** Characters of one record: metadata of the largest size and a vector of the largest dimension. */
const MAX_RECORD = 128 * 1024 * 1024;

export interface CsvRecord {
  /** Values by the names of the first record. */
  fields: Map<string, string>;
  /** Line at which the record begins, from 1 on. */
  line: number;
}

/** The records of a UTF-8 file whose first record names the columns. Throws `CORRUPTION` naming the line. */
export async function* readCsv(path: string): AsyncGenerator<CsvRecord, void, undefined> {
  let names: string[] | undefined;
  for await (const { values, line } of recordsOf(path)) {
    if (names === undefined) {
      names = values.map((name) => name.trim());
      if (new Set(names).size < names.length)
        throw new SageDBError('CORRUPTION', `${path}:${line}: two columns of one name`);
    } else if (values.length !== names.length) {
      throw new SageDBError('CORRUPTION', `${path}:${line}: ${values.length} fields for ${names.length} columns`);
    } else {
      const columns = names;
      yield { line, fields: new Map(values.map((value, i) => [columns[i]!, value])) };
    }
  }
}

async function* recordsOf(path: string): AsyncGenerator<{ values: string[]; line: number }, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const damaged = (line: number, problem: string) => new SageDBError('CORRUPTION', `${path}:${line}: ${problem}`);
  let values: string[] = [];
  let field = '';
  /** Characters of fields and of quoted text are told apart by the state alone. */
  let state = 'start' as 'start' | 'plain' | 'quoted' | 'closed';
  let line = 1;
  let begun = 1;
  let held = 0;
  const endField = () => {
    values.push(field);
    field = '';
    state = 'start';
  };
  function* feed(text: string): Generator<{ values: string[]; line: number }> {
    for (const character of text) {
      if (++held > MAX_RECORD) throw damaged(begun, `a record of more than ${MAX_RECORD} characters`);
      if (character === '\n') line++;
      if (state === 'quoted') {
        if (character === '"') state = 'closed';
        else field += character;
      } else if (character === '"') {
        if (state === 'closed') field += '"';
        else if (state === 'plain') throw damaged(line, 'a quotation mark within a field without them');
        state = 'quoted';
      } else if (character === ',') endField();
      else if (character === '\n') {
        const empty = values.length === 0 && state === 'start';
        endField();
        if (!empty) yield { values, line: begun };
        values = [];
        begun = line;
        held = 0;
      } else if (character === '\r') {
        // Part of a line end.
      } else if (state === 'closed') throw damaged(line, `${JSON.stringify(character)} after a closing quotation mark`);
      else {
        state = 'plain';
        field += character;
      }
    }
  }
  const decode = (bytes?: Buffer) => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch {
      throw damaged(line, 'not UTF-8');
    }
  };
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) yield* feed(decode(chunk));
  yield* feed(decode());
  if (state === 'quoted') throw damaged(begun, 'a quotation mark that is never closed');
  if (values.length > 0 || state !== 'start') yield* feed('\n');
}
