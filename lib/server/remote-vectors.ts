import { SageDBError, show } from '../errors.js';
import type { VectorInput, VectorsInput } from '../types.js';

// Lengths and types are checked here, where the caller's stack is; NaN and the like are found by the server's database.

/** One vector as 32-bit floats. */
export function oneVector(vector: VectorInput, dimension: number, field: string): Float32Array {
  const floats = new Float32Array(dimension);
  copy(vector, floats, 0, dimension, field);
  return floats;
}

/** Many vectors as one flat array. */
export function flatten(vectors: VectorsInput, dimension: number, field: string): Float32Array {
  if (vectors instanceof Float32Array || vectors instanceof Float64Array) {
    if (vectors.length % dimension === 0) return Float32Array.from(vectors);
    throw mismatch(field, `n × ${dimension}`, vectors.length);
  }
  if (!Array.isArray(vectors)) {
    throw new SageDBError(
      'INVALID_VECTOR',
      `${field}: expected a list of vectors or a flat array, got ${show(vectors)}`,
    );
  }
  const floats = new Float32Array(vectors.length * dimension);
  for (const [row, vector] of vectors.entries()) copy(vector, floats, row * dimension, dimension, `${field}[${row}]`);
  return floats;
}

function copy(vector: VectorInput, target: Float32Array, offset: number, dimension: number, field: string): void {
  const plain = Array.isArray(vector);
  if (!plain && !(vector instanceof Float32Array) && !(vector instanceof Float64Array)) {
    throw new SageDBError(
      'INVALID_VECTOR',
      `${field}: expected a typed array or an array of numbers, got ${show(vector)}`,
    );
  }
  if (vector.length !== dimension) throw mismatch(field, dimension, vector.length);
  const stranger = plain ? vector.findIndex((component) => typeof component !== 'number') : -1;
  if (stranger >= 0) {
    throw new SageDBError(
      'INVALID_VECTOR',
      `${field}, component ${stranger}: expected a number, got ${show(vector[stranger])}`,
    );
  }
  target.set(vector, offset);
}

function mismatch(field: string, expected: number | string, got: number): SageDBError {
  return new SageDBError('DIMENSION_MISMATCH', `${field}: expected ${expected} components, got ${got}`);
}
