import { types } from 'node:util';
import { messageOf, SageDBError, show } from './errors.js';
import { native } from './native.js';
import type { VectorInput } from './types.js';

/** Input up to this size is copied before the call returns; larger input in slices. */
export const COPIED_AT_ONCE_BYTES = 1 << 20;

// The accessors of the prototype: a subclass or an own property may lie about these.
const typedArrayPrototype = Object.getPrototypeOf(Float32Array.prototype) as object;
const intrinsic = <T>(name: string) =>
  Object.getOwnPropertyDescriptor(typedArrayPrototype, name)!.get as (this: ArrayBufferView) => T;
const lengthOf = intrinsic<number>('length');
const bufferOf = intrinsic<ArrayBufferLike>('buffer');
const byteOffsetOf = intrinsic<number>('byteOffset');

type FloatArray = Float32Array | Float64Array;

/** Also true for arrays of another realm (vm contexts, Jest), where `instanceof` is false. */
function isFloatArray(value: unknown): value is FloatArray {
  return types.isFloat32Array(value) || types.isFloat64Array(value);
}

function isDetached(buffer: ArrayBufferLike): boolean {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** Length of a typed array whose memory cannot change under it. Throws `INVALID_VECTOR`. */
function steadyLength(array: FloatArray, field: string): number {
  const buffer = bufferOf.call(array) as ArrayBufferLike & { resizable?: boolean; growable?: boolean };
  if (buffer.resizable === true || buffer.growable === true) {
    throw new SageDBError(
      'INVALID_VECTOR',
      `${field}: expected an array over a fixed-size buffer, got a resizable one`,
    );
  }
  const length = lengthOf.call(array);
  if (length === 0 && isDetached(buffer)) {
    throw new SageDBError('INVALID_VECTOR', `${field}: its ArrayBuffer was detached (transferred elsewhere)`);
  }
  return length;
}

function wrongLength(field: string, dimension: number, got: number): SageDBError {
  return new SageDBError('DIMENSION_MISMATCH', `${field}: expected ${dimension} components, got ${got}`);
}

/**
 * One vector as an array that reading runs none of the caller's code: itself when it is a typed array, else a copy. Components are checked
 * for NaN and Infinity later, by `checkRows`.
 */
export function steadyVector(vector: unknown, dimension: number, field: string): FloatArray {
  if (isFloatArray(vector)) {
    const length = steadyLength(vector, field);
    if (length !== dimension) throw wrongLength(field, dimension, length);
    return vector;
  }
  const copy = new Float32Array(dimension);
  copyVector(vector, dimension, copy, 0, field);
  return copy;
}

/** Copies one vector to `target` at `offset`. Components are checked for NaN and Infinity later, by `checkRows`. */
export function copyVector(
  vector: unknown,
  dimension: number,
  target: Float32Array,
  offset: number,
  field: string,
): void {
  if (isFloatArray(vector)) {
    const length = steadyLength(vector, field);
    if (length !== dimension) throw wrongLength(field, dimension, length);
    target.set(vector, offset);
    return;
  }
  let isArray = false;
  try {
    isArray = Array.isArray(vector);
    if (isArray) copyNumbers(vector as readonly unknown[], dimension, target, offset, field);
  } catch (cause) {
    if (cause instanceof SageDBError) throw cause;
    throw new SageDBError('INVALID_VECTOR', `${field}: reading it failed: ${messageOf(cause)}`, { cause });
  }
  if (!isArray) {
    throw new SageDBError(
      'INVALID_VECTOR',
      `${field}: expected a Float32Array, a Float64Array or an array of numbers, got ${show(vector)}`,
    );
  }
}

function copyNumbers(
  vector: readonly unknown[],
  dimension: number,
  target: Float32Array,
  offset: number,
  field: string,
): void {
  if (vector.length !== dimension) throw wrongLength(field, dimension, vector.length);
  for (let i = 0; i < dimension; i++) {
    const value = vector[i];
    if (typeof value !== 'number') {
      throw new SageDBError('INVALID_VECTOR', `${field}, component ${i}: expected a finite number, got ${show(value)}`);
    }
    target[offset + i] = value;
  }
}

/** What is wrong with rows that were copied; undefined when nothing is. `name` gives the field of a row. */
export function rowProblem(
  values: Float32Array,
  length: number,
  dimension: number,
  refuseZero: boolean,
): { row: number; problem: string } | undefined {
  const code = native().checkRows(values, length, dimension, refuseZero);
  if (code === -1) return undefined;
  if (code < 0) {
    return { row: -2 - code, problem: ': a zero vector has no direction and cannot be used with metric cosine' };
  }
  const component = code % dimension;
  return {
    row: (code - component) / dimension,
    problem: `, component ${component}: expected a finite 32-bit float, got ${values[code]}`,
  };
}

/** Throws `INVALID_VECTOR` for the first bad row. */
export function requireGoodRows(
  values: Float32Array,
  length: number,
  dimension: number,
  refuseZero: boolean,
  name: (row: number) => string,
): void {
  const bad = rowProblem(values, length, dimension, refuseZero);
  if (bad) throw new SageDBError('INVALID_VECTOR', name(bad.row) + bad.problem);
}

/** Many vectors behind one way to read them piece by piece. */
export class VectorSource {
  readonly rows: number;
  readonly dimension: number;
  readonly #field: string;
  readonly #refuseZero: boolean;
  readonly #flat: FloatArray | undefined;
  readonly #list: readonly unknown[];
  /** Rows of named spaces only: see NamedSource. */
  readonly given: Uint32Array | undefined;
  #staging: Float32Array | undefined;

  constructor(vectors: unknown, dimension: number, refuseZero: boolean, field: string) {
    this.dimension = dimension;
    this.#field = field;
    this.#refuseZero = refuseZero;
    this.#list = [];
    if (isFloatArray(vectors)) {
      const length = steadyLength(vectors, field);
      if (length % dimension !== 0) {
        throw new SageDBError(
          'DIMENSION_MISMATCH',
          `${field}: expected a flat array of n × ${dimension} components, got ${length}`,
        );
      }
      this.#flat = vectors;
      this.rows = length / dimension;
      return;
    }
    this.#list = this.#copyList(vectors);
    this.rows = this.#list.length;
  }

  #copyList(vectors: unknown): readonly unknown[] {
    try {
      if (Array.isArray(vectors) && typeof vectors[0] !== 'number') return vectors.slice();
    } catch (cause) {
      throw new SageDBError('INVALID_VECTOR', `${this.#field}: reading it failed: ${messageOf(cause)}`, { cause });
    }
    throw new SageDBError(
      'INVALID_VECTOR',
      `${this.#field}: expected a list of vectors or one flat Float32Array, got ${show(vectors)}`,
    );
  }

  get bytes(): number {
    return this.rows * this.dimension * 4;
  }

  /** Rows [from, to) as checked floats. Valid until the next call. */
  read(from: number, to: number): Float32Array {
    const values = types.isFloat32Array(this.#flat) ? this.#view(this.#flat, from, to) : this.#stage(from, to);
    requireGoodRows(values, values.length, this.dimension, this.#refuseZero, (row) => `${this.#field}[${from + row}]`);
    return values;
  }

  #requireUnchanged(flat: FloatArray): void {
    const length = steadyLength(flat, this.#field);
    if (length !== this.rows * this.dimension) throw wrongLength(this.#field, this.rows * this.dimension, length);
  }

  #view(flat: Float32Array, from: number, to: number): Float32Array {
    this.#requireUnchanged(flat);
    const start = byteOffsetOf.call(flat) + from * this.dimension * 4;
    return new Float32Array(bufferOf.call(flat), start, (to - from) * this.dimension);
  }

  #stage(from: number, to: number): Float32Array {
    const size = (to - from) * this.dimension;
    if (!this.#staging || this.#staging.length < size) this.#staging = new Float32Array(size);
    const staging = this.#staging.length === size ? this.#staging : this.#staging.subarray(0, size);
    if (this.#flat) {
      this.#requireUnchanged(this.#flat);
      const start = byteOffsetOf.call(this.#flat) + from * this.dimension * 8;
      staging.set(new Float64Array(bufferOf.call(this.#flat), start, size));
      return staging;
    }
    for (let row = from; row < to; row++) {
      copyVector(this.#list[row], this.dimension, staging, (row - from) * this.dimension, `${this.#field}[${row}]`);
    }
    return staging;
  }
}

/** One vector as 32-bit floats, checked: length, finite, not zero under cosine. */
export function goodFloats(vector: VectorInput, dimension: number, cosine: boolean, field: string): Float32Array {
  const steady = steadyVector(vector, dimension, field);
  const floats = steady instanceof Float32Array ? steady : Float32Array.from(steady);
  requireGoodRows(floats, dimension, dimension, cosine, () => field);
  return floats;
}
