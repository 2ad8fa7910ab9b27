// The named spaces of a database, and vectors by their names.
import { invalidArgument, messageOf, SageDBError, show } from './errors.js';
import type { NativeDatabase, NativeSpace } from './native.js';
import type { Metric, SpaceInfo, VectorInput } from './types.js';
import { copyVector, goodFloats, requireGoodRows, VectorSource } from './vectors.js';

export interface Space extends SpaceInfo {
  name: string;
  /** Its number in the engine. */
  number: number;
}

/** What vectors of a database look like. */
export interface Layout {
  /** Components per vector; with named spaces of all of them together. */
  readonly dimension: number;
  readonly metric: Metric;
  readonly spaces: SpaceList | undefined;
}

export function layoutOf(database: NativeDatabase): Layout {
  return { dimension: database.dimension(), metric: database.metric() as Metric, spaces: SpaceList.of(database) };
}

export function infoOf<S extends string>({ spaces }: Layout): Record<S, SpaceInfo> {
  const named = spaces?.all ?? [];
  return Object.fromEntries(named.map(({ name, dimension, metric }) => [name, { dimension, metric }])) as Record<
    S,
    SpaceInfo
  >;
}

/** The one space of a database without names, or the one that the number says. */
export function spaceAt({ spaces, dimension, metric }: Layout, number: number): Space {
  return spaces ? (spaces.all[number] as Space) : { name: '', number: 0, dimension, metric };
}

/** One query as checked 32-bit floats: maybe the caller's memory. */
export function queryOf(layout: Layout, vector: unknown, space: number): Float32Array {
  const { dimension, metric } = spaceAt(layout, space);
  return goodFloats(vector as VectorInput, dimension, metric === 'cosine', 'query');
}

export function queriesOf(layout: Layout, queries: unknown, space: number): VectorSource {
  const { dimension, metric } = spaceAt(layout, space);
  return new VectorSource(queries, dimension, metric === 'cosine', 'queries');
}

/** Vectors of one or several rows on their way to the engine: those of each row one after the other. */
export interface PackedVectors {
  floats: Float32Array;
  /** With named spaces, one per row: bit s for space s. */
  given: Uint32Array | undefined;
}

export class SpaceList {
  readonly all: readonly Space[];
  readonly #byName: ReadonlyMap<string, Space>;

  constructor(spaces: readonly NativeSpace[]) {
    this.all = spaces.map(({ name, dimension, metric }, number) => ({
      name,
      number,
      dimension,
      metric: metric as Metric,
    }));
    this.#byName = new Map(this.all.map((space) => [space.name, space]));
  }

  static of(database: NativeDatabase): SpaceList | undefined {
    const spaces = database.spaces();
    return spaces.length === 0 ? undefined : new SpaceList(spaces);
  }

  get names(): string {
    return this.all.map(({ name }) => `'${name}'`).join(', ');
  }

  /** Throws `INVALID_ARGUMENT`. */
  named(name: unknown, field: string): Space {
    const space = typeof name === 'string' ? this.#byName.get(name) : undefined;
    if (space) return space;
    throw new SageDBError('INVALID_ARGUMENT', `${field}: expected one of the spaces ${this.names}, got ${show(name)}`);
  }

  /** What an object has by space, in the order of the spaces. Every property is read once. Throws typed errors. */
  entriesOf(value: unknown, field: string): [Space, unknown][] {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
      throw new SageDBError(
        'INVALID_VECTOR',
        `${field}: expected an object of vectors by space (${this.names}), got ${show(value)}`,
      );
    }
    const found: [Space, unknown][] = [];
    try {
      for (const name of Object.keys(value)) {
        const vector = (value as Record<string, unknown>)[name];
        if (vector !== undefined) found.push([this.named(name, field), vector]);
      }
    } catch (cause) {
      if (cause instanceof SageDBError) throw cause;
      throw new SageDBError('INVALID_VECTOR', `${field}: reading it failed: ${messageOf(cause)}`, { cause });
    }
    if (found.length === 0) {
      throw new SageDBError(
        'INVALID_VECTOR',
        `${field}: expected a vector for one of the spaces ${this.names}, got none`,
      );
    }
    return found.sort(([a], [b]) => a.number - b.number);
  }

  /** Components of a row that has these spaces. */
  components(given: number): number {
    let sum = 0;
    for (const { number, dimension } of this.all) if ((given >>> number) & 1) sum += dimension;
    return sum;
  }

  /** Copies the vectors of one row to `target` at `offset`, checked; gives its set of spaces. */
  copyRow(value: unknown, target: Float32Array, offset: number, field: string): number {
    const found = this.entriesOf(value, field);
    let given = 0;
    let at = offset;
    for (const [space, vector] of found) {
      const { dimension, metric, number, name } = space;
      copyVector(vector, dimension, target, at, `${field}.${name}`);
      requireGoodRows(
        target.subarray(at, at + dimension),
        dimension,
        dimension,
        metric === 'cosine',
        () => `${field}.${name}`,
      );
      given = (given | (1 << number)) >>> 0;
      at += dimension;
    }
    return given;
  }

  /** The vectors of a row, from where they stand one after the other. */
  unpack(given: number, floats: Float32Array, at: number): Record<string, Float32Array> {
    const vectors: Record<string, Float32Array> = {};
    let from = at;
    for (const { name, number, dimension } of this.all) {
      if (((given >>> number) & 1) === 0) continue;
      vectors[name] = floats.slice(from, from + dimension);
      from += dimension;
    }
    return vectors;
  }

  /** Where the vector of one space begins among those of a row. */
  offset(given: number, space: number): number {
    return this.components(given & ((1 << space) - 1));
  }
}

/** Many rows with vectors by space, behind the way to read them that `VectorSource` has. */
export class NamedSource {
  readonly rows: number;
  readonly dimension: number;
  readonly #spaces: SpaceList;
  readonly #field: string;
  readonly #list: readonly unknown[];
  /** Of the rows that were read last. */
  given: Uint32Array | undefined;

  constructor(rows: unknown, { spaces, dimension }: { spaces: SpaceList; dimension: number }, field: string) {
    if (!Array.isArray(rows))
      throw invalidArgument(field, `a list of objects of vectors by space (${spaces.names})`, rows);
    this.#list = rows.slice();
    this.rows = this.#list.length;
    this.dimension = dimension;
    this.#spaces = spaces;
    this.#field = field;
  }

  /** At most. */
  get bytes(): number {
    return this.rows * this.dimension * 4;
  }

  /** Rows [from, to) as checked floats, those of each row one after the other. */
  read(from: number, to: number): Float32Array {
    const staging = new Float32Array((to - from) * this.dimension);
    const given = new Uint32Array(to - from);
    let at = 0;
    for (let row = from; row < to; row++) {
      const set = this.#spaces.copyRow(this.#list[row], staging, at, `${this.#field}[${row}]`);
      given[row - from] = set;
      at += this.#spaces.components(set);
    }
    this.given = given;
    return staging.subarray(0, at);
  }
}
