export { randomNumbers as random } from '../../lib/random.js';

/** Components in [-1, 1). */
export function randomVector(next: () => number, dimension: number): Float32Array {
  return Float32Array.from({ length: dimension }, () => next() * 2 - 1);
}

export function randomFlat(next: () => number, rows: number, dimension: number): Float32Array {
  const flat = new Float32Array(rows * dimension);
  for (let i = 0; i < flat.length; i++) flat[i] = next() * 2 - 1;
  return flat;
}
