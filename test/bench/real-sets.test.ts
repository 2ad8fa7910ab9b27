// Property: the loaders read the real data sets as they are described: row counts, unit length, and a query's true neighbors are nearer
// than other rows. Skipped, with a printed line, where the data are not on this machine.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readRawInts, readVectors } from '../../bench/data/vector-file.js';

const shared = fileURLToPath(new URL('../../../shared/data/', import.meta.url));
const there = existsSync(shared);
if (!there) console.warn('real-sets: SKIPPED, ../shared/data is not on this machine');

describe.skipIf(!there)('../shared/data', () => {
  it.each([
    ['gloss', 'f16', 300, 114_944],
    ['sift', 'u8', 128, 115_600],
  ])('%s', (name, type, dimension, rows) => {
    const base = readVectors(`${shared}${name}/base.${type}`, dimension);
    const queries = readVectors(`${shared}${name}/query.${type}`, dimension);
    const truth = readRawInts(`${shared}${name}/gt100.i32`, 100);
    expect([base.rows, queries.rows, truth.rows]).toEqual([rows, 1000, 1000]);
    const distance = (q: number, r: number) => {
      let sum = 0;
      for (let i = 0; i < dimension; i++) {
        sum += ((queries.values[q * dimension + i] as number) - (base.values[r * dimension + i] as number)) ** 2;
      }
      return sum;
    };
    for (let q = 0; q < 1000; q += 97) {
      const [first, last] = [truth.values[q * 100] as number, truth.values[q * 100 + 99] as number];
      const others = Array.from({ length: 50 }, (_, i) => distance(q, (i * 2287 + q) % rows)).sort((a, b) => a - b);
      // Near unit length, cosine order and L2 order agree up to a few percent.
      expect(distance(q, first)).toBeLessThanOrEqual(1.05 * distance(q, last));
      expect(distance(q, last)).toBeLessThanOrEqual(1.05 * (others[25] as number));
    }
  });
});
