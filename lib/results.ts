import { fromNative, SageDBError } from './errors.js';
import { type NativeItemPiece, type NativeSearchResult, native } from './native.js';
import type { SearchSpec } from './search-options.js';
import { type Layout, type SpaceList, spaceAt } from './spaces.js';
import type { Highlight, Id, RawBatchSearchResult, RawSearchResult } from './types.js';

/** A vector as it is read back: with named spaces those of the item. */
export type AnyVector = Float32Array | Record<string, Float32Array>;

/** One hit before its type is narrowed by the options. */
export interface Row {
  id: Id;
  score: number;
  metadata?: object;
  vector?: AnyVector;
  highlights?: Highlight[];
}

/** Metadata texts come from our own writer: one that is not JSON was damaged on disk, and the check of the blocks had not come to it yet. */
function parseList(text: string): object[] {
  try {
    return JSON.parse(text) as object[];
  } catch (cause) {
    throw new SageDBError('CORRUPTION', 'stored metadata is damaged: it is not JSON; verify() says where', { cause });
  }
}

const NONE = new Uint32Array(0);
const NO_VECTORS = new Float32Array(0);

/** Views of the answer buffer, whose layout cpp/binding/answer_buffer.h gives. */
class Answers {
  static readonly HITS = 4096;
  static #made: Answers | undefined;
  readonly version: Float64Array;
  readonly ids: Float64Array;
  readonly scores: Float32Array;
  readonly counts: Uint32Array;

  private constructor(buffer: ArrayBuffer) {
    const { HITS } = Answers;
    this.version = new Float64Array(buffer, 0, 1);
    this.ids = new Float64Array(buffer, 8, HITS);
    this.scores = new Float32Array(buffer, 8 + HITS * 8, HITS);
    this.counts = new Uint32Array(buffer, 8 + HITS * 12);
  }

  static get shared(): Answers {
    Answers.#made ??= new Answers(native().answerBuffer());
    return Answers.#made;
  }
}

/** To be called before the first search: without it answers come in buffers of their own. */
export function shareAnswers(): void {
  Answers.shared;
}

/** Walks the answer of the addon query by query, in order. */
export class SearchReader {
  readonly indexVersion: number;
  readonly #ids: Float64Array;
  readonly #scores: Float32Array;
  readonly #counts: Uint32Array;
  readonly #vectors: Float32Array;
  /** With named spaces: those of each hit. */
  readonly #given: Uint32Array;
  readonly #texts: (string | undefined)[] | undefined;
  readonly #strings: string[] | undefined;
  readonly #errors: Map<number, SageDBError> | undefined;
  readonly #layout: Layout;
  #query = 0;
  #hit = 0;
  #string = 0;
  #vector = 0;

  /** An answer without a buffer stands in the shared one: it is to be read before the addon is called again. */
  constructor(result: NativeSearchResult | [] | undefined, queries: number, layout: Layout) {
    const [buffer, hits = 0, indexVersion, texts, strings, errors] = result ?? [];
    if (buffer === undefined) {
      const { version, ids, scores, counts } = Answers.shared;
      this.#ids = ids;
      this.#scores = scores;
      this.#counts = counts;
      this.#given = NONE;
      this.#vectors = NO_VECTORS;
      this.indexVersion = version[0] as number;
    } else {
      this.#ids = new Float64Array(buffer, 0, hits);
      this.#scores = new Float32Array(buffer, hits * 8, hits);
      this.#counts = new Uint32Array(buffer, hits * 12, queries);
      const named = layout.spaces === undefined ? 0 : hits;
      const end = hits * 12 + queries * 4;
      // Most answers have neither, and a view costs as much as several hits.
      this.#given = named === 0 ? NONE : new Uint32Array(buffer, end, named);
      const vectors = end + named * 4;
      this.#vectors = buffer.byteLength === vectors ? NO_VECTORS : new Float32Array(buffer, vectors);
      this.indexVersion = indexVersion as number;
    }
    this.#texts = texts;
    this.#strings = strings;
    this.#layout = layout;
    if (errors) {
      this.#errors = new Map();
      for (let i = 0; i < errors.length; i += 2) {
        this.#errors.set(errors[i] as number, fromNative(errors[i + 1] as Error));
      }
    }
  }

  /** Error of the query that is next, if it failed; that query is passed over. */
  takeError(spec: SearchSpec): SageDBError | undefined {
    const error = this.#errors?.get(this.#query);
    if (error) this.raw(spec);
    return error;
  }

  #nextId(at: number): Id {
    const id = this.#ids[at] as number;
    return Number.isNaN(id) ? (this.#strings?.[this.#string++] as string) : id;
  }

  /** All vectors of the hit at a position. */
  #nextVector(at: number): AnyVector {
    const { spaces, dimension } = this.#layout;
    const begin = this.#vector;
    if (spaces === undefined) {
      this.#vector += dimension;
      return this.#vectors.slice(begin, this.#vector);
    }
    const given = this.#given[at] as number;
    this.#vector += spaces.components(given);
    return spaces.unpack(given, this.#vectors, begin);
  }

  /** Those of `count` hits in one space, side by side. */
  #nextVectors(from: number, count: number, space: number): Float32Array {
    const { spaces } = this.#layout;
    const { dimension } = spaceAt(this.#layout, space);
    if (spaces === undefined) {
      const begin = this.#vector;
      this.#vector += count * dimension;
      return this.#vectors.slice(begin, this.#vector);
    }
    const vectors = new Float32Array(count * dimension);
    for (let i = 0; i < count; i++) {
      const given = this.#given[from + i] as number;
      const begin = this.#vector + spaces.offset(given, space);
      vectors.set(this.#vectors.subarray(begin, begin + dimension), i * dimension);
      this.#vector += spaces.components(given);
    }
    return vectors;
  }

  /** Hits of the next query as objects. */
  rows(spec: SearchSpec): Row[] {
    const query = this.#query++;
    const count = this.#counts[query] as number;
    const text = spec.metadata ? this.#texts?.[query] : undefined;
    const metadata = text === undefined ? undefined : parseList(text);
    const rows = new Array<Row>(count);
    for (let i = 0; i < count; i++) {
      const at = this.#hit + i;
      const score = this.#scores[at] as number;
      rows[i] = metadata
        ? { id: this.#nextId(at), score, metadata: metadata[i] as object }
        : { id: this.#nextId(at), score };
    }
    if (spec.vector) {
      for (const [i, row] of rows.entries()) row.vector = this.#nextVector(this.#hit + i);
    }
    this.#hit += count;
    return rows;
  }

  /** Hits of the next query as typed arrays of their own. */
  raw(spec: SearchSpec): RawSearchResult {
    const query = this.#query++;
    const count = this.#counts[query] as number;
    const from = this.#hit;
    this.#hit += count;
    return {
      count,
      ids: this.#ids.slice(from, this.#hit),
      stringIds: this.#stringIds(from, count),
      scores: this.#scores.slice(from, this.#hit),
      vectors: spec.vector ? this.#nextVectors(from, count, spec.space) : undefined,
      metadataJson: spec.metadata ? (this.#texts?.[query] ?? '[]') : undefined,
      indexVersion: this.indexVersion,
    };
  }

  #stringIds(from: number, count: number): (string | undefined)[] | undefined {
    let list: (string | undefined)[] | undefined;
    for (let i = 0; this.#strings && i < count; i++) {
      if (!Number.isNaN(this.#ids[from + i])) continue;
      list ??= new Array<string | undefined>(count).fill(undefined);
      list[i] = this.#strings[this.#string++];
    }
    return list;
  }
}

export const asRows = (reader: SearchReader, spec: SearchSpec) => reader.rows(spec);
export const asRaw = (reader: SearchReader, spec: SearchSpec) => reader.raw(spec);

/** Typed arrays of many searches, from those of each. */
export function joinRaw(results: readonly RawSearchResult[], spec: SearchSpec, layout: Layout): RawBatchSearchResult {
  const { dimension } = spaceAt(layout, spec.space);
  const offsets = new Uint32Array(results.length + 1);
  for (const [i, result] of results.entries()) offsets[i + 1] = (offsets[i] as number) + result.count;
  const total = offsets[results.length] as number;
  const joined: RawBatchSearchResult = {
    offsets,
    ids: new Float64Array(total),
    stringIds: results.some((r) => r.stringIds) ? new Array<string | undefined>(total).fill(undefined) : undefined,
    scores: new Float32Array(total),
    vectors: spec.vector ? new Float32Array(total * dimension) : undefined,
    metadataJson: spec.metadata ? results.map((r) => r.metadataJson as string) : undefined,
  };
  for (const [i, result] of results.entries()) {
    const at = offsets[i] as number;
    joined.ids.set(result.ids, at);
    joined.scores.set(result.scores, at);
    if (result.vectors) joined.vectors?.set(result.vectors, at * dimension);
    for (let j = 0; result.stringIds && j < result.count; j++) joined.stringIds![at + j] = result.stringIds[j];
  }
  return joined;
}

/** Items of one piece of a read. */
export function itemsOf(
  piece: NativeItemPiece,
  { spaces, dimension }: Layout,
  includeVector: boolean,
): { id: Id; metadata: object; vector?: AnyVector }[] {
  const metadata = parseList(piece.metadata);
  const vectors = includeVector && spaces ? namedVectors(piece, spaces) : undefined;
  let string = 0;
  return Array.from(piece.ids, (number, i) => {
    const id = Number.isNaN(number) ? (piece.strings?.[string++] as string) : number;
    const item = { id, metadata: metadata[i] as object };
    if (!includeVector) return item;
    const vector = vectors ? vectors[i]! : piece.vectors.slice(i * dimension, (i + 1) * dimension);
    return { ...item, vector };
  });
}

function namedVectors(piece: NativeItemPiece, spaces: SpaceList): Record<string, Float32Array>[] {
  let at = 0;
  return Array.from(piece.spaces as Uint32Array, (given) => {
    const vectors = spaces.unpack(given, piece.vectors, at);
    at += spaces.components(given);
    return vectors;
  });
}
