/** Seeded uniform numbers in [0, 1): mulberry32. The same seed gives the same data on every machine. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** `count` points near one of `centres` common points, row after row: nearest neighbours exist, as in real embeddings. */
export function clusteredVectors(count: number, dimension: number, seed: number, centres = 100): Float32Array {
  const random = randomNumbers(seed);
  const means = Float32Array.from({ length: centres * dimension }, () => random() * 2 - 1);
  const vectors = new Float32Array(count * dimension);
  for (let row = 0; row < count; row++) {
    const centre = Math.floor(random() * centres) * dimension;
    for (let i = 0; i < dimension; i++) {
      vectors[row * dimension + i] = (means[centre + i] ?? 0) + (random() + random() - 1) * 0.6;
    }
  }
  return vectors;
}
