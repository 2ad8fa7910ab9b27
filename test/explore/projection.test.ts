// Property: the projection finds the directions of greatest variance, gives the event loop its turns, and copes with rows without any variance.
import { expect, it } from 'vitest';
import { project } from '../../lib/explore/projection.js';
import { randomNumbers } from '../../lib/random.js';

it('finds the two long axes of a cloud, in order', async () => {
  const random = randomNumbers(11);
  const [rows, dimension] = [800, 20];
  const values = new Float32Array(rows * dimension);
  const along: number[] = [];
  for (let row = 0; row < rows; row++) {
    const [u, v] = [(random() - 0.5) * 10, (random() - 0.5) * 4];
    along.push(u);
    for (let i = 0; i < dimension; i++) {
      // Orthogonal directions: even and odd components; an offset that has to be taken away.
      values[row * dimension + i] = 100 + (i % 2 ? u : v) + (random() - 0.5) * 0.1;
    }
  }
  const { x, explained } = await project(values, dimension);
  expect(explained[0]).toBeGreaterThan(0.8);
  expect(explained[0] + explained[1]).toBeGreaterThan(0.99);
  expect(explained[1]).toBeLessThan(explained[0]);
  const mean = (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0) / list.length;
  const meanAlong = mean(along);
  const cross = mean(along.map((u, row) => (u - meanAlong) * x[row]!));
  const correlation =
    cross / Math.sqrt(mean(along.map((u) => (u - meanAlong) ** 2)) * mean(Array.from(x, (value) => value * value)));
  expect(Math.abs(correlation)).toBeGreaterThan(0.999);
});

it('lets the event loop turn', async () => {
  const random = randomNumbers(12);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await project(Float32Array.from({ length: 1500 * 256 }, random), 256);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(10);
});

it.each([
  [0, 8],
  [1, 8],
  [50, 1],
])('%i rows of %i', async (rows, dimension) => {
  const { x, y, explained } = await project(new Float32Array(rows * dimension).fill(3), dimension);
  expect([x.length, y.length]).toEqual([rows, rows]);
  for (const value of [...x, ...y, ...explained]) expect(value).toBeCloseTo(0, 6);
});
