/** Seeded numbers in [0, 1): mulberry32. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Components in [-1, 1). */
export function randomVector(next: () => number, dimension: number): Float32Array {
  return Float32Array.from({ length: dimension }, () => next() * 2 - 1);
}

export function randomFlat(next: () => number, rows: number, dimension: number): Float32Array {
  const flat = new Float32Array(rows * dimension);
  for (let i = 0; i < flat.length; i++) flat[i] = next() * 2 - 1;
  return flat;
}
