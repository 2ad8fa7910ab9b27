import { TimeSlice } from '../turn.js';

/** Where the rows of a sample lie on the plane of their greatest variance. */
export interface Projection {
  x: Float32Array;
  y: Float32Array;
  /** Parts of the sample's variance along x and y. */
  explained: [x: number, y: number];
}

const MAX_ITERATIONS = 100;
/** The direction has settled when an iteration turns it by less than about this angle. */
const TOLERANCE = 1e-4;
const ROWS_PER_CHECK = 32;
const ROUNDING = 1e-12;

/**
 * The first two principal components of `rows` × `dimension` numbers, by power iteration on the centred rows; the covariance matrix is never
 * made. Runs in slices of about a millisecond, so the event loop goes on. The same input gives the same picture.
 */
export async function project(values: Float32Array, dimension: number): Promise<Projection> {
  const slice = new TimeSlice();
  const centred = await centre(values, dimension, slice);
  const squares = (all: Float32Array) => all.reduce((sum, value) => sum + value * value, 0);
  const variance = squares(centred);
  // Equal rows differ from their mean by rounding only.
  const varies = variance > ROUNDING * squares(values);
  const components: Float64Array[] = [];
  const axes: Float32Array[] = [];
  const explained: number[] = [];
  for (let axis = 0; axis < 2; axis++) {
    const component = await principal(centred, dimension, components, slice);
    const coordinates = await multiply(centred, dimension, component, slice);
    components.push(component);
    axes.push(Float32Array.from(coordinates));
    explained.push(varies ? coordinates.reduce((sum, c) => sum + c * c, 0) / variance : 0);
  }
  const [x, y] = axes as [Float32Array, Float32Array];
  return { x, y, explained: explained as [number, number] };
}

async function centre(values: Float32Array, dimension: number, slice: TimeSlice): Promise<Float32Array> {
  const rows = values.length / dimension;
  const mean = new Float64Array(dimension);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < dimension; i++) mean[i]! += values[row * dimension + i]! / rows;
    if (row % ROWS_PER_CHECK === 0 && slice.over) await slice.pause();
  }
  return values.map((value, i) => value - mean[i % dimension]!);
}

/** The direction of greatest variance that is orthogonal to the components known already. */
async function principal(
  centred: Float32Array,
  dimension: number,
  known: readonly Float64Array[],
  slice: TimeSlice,
): Promise<Float64Array> {
  // Any start that is not orthogonal to the answer will do.
  let direction = unit(
    orthogonal(
      Float64Array.from({ length: dimension }, (_, i) => 1 + Math.sin(i * 12.9898)),
      known,
    ),
  );
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    const along = await multiply(centred, dimension, direction, slice);
    const next = unit(orthogonal(await multiplyTransposed(centred, dimension, along, slice), known));
    const cosine = Math.abs(next.reduce((sum, value, i) => sum + value * direction[i]!, 0));
    direction = next;
    if (1 - cosine < (TOLERANCE * TOLERANCE) / 2) break;
  }
  return direction;
}

/** Rows times a vector: one number per row. */
async function multiply(
  matrix: Float32Array,
  dimension: number,
  vector: Float64Array,
  slice: TimeSlice,
): Promise<Float64Array> {
  const product = new Float64Array(matrix.length / dimension);
  for (let row = 0; row < product.length; row++) {
    let sum = 0;
    const from = row * dimension;
    for (let i = 0; i < dimension; i++) sum += matrix[from + i]! * vector[i]!;
    product[row] = sum;
    if (row % ROWS_PER_CHECK === 0 && slice.over) await slice.pause();
  }
  return product;
}

/** Sum of the rows, each times its number. */
async function multiplyTransposed(
  matrix: Float32Array,
  dimension: number,
  factors: Float64Array,
  slice: TimeSlice,
): Promise<Float64Array> {
  const product = new Float64Array(dimension);
  for (let row = 0; row < factors.length; row++) {
    const factor = factors[row]!;
    const from = row * dimension;
    for (let i = 0; i < dimension; i++) product[i]! += matrix[from + i]! * factor;
    if (row % ROWS_PER_CHECK === 0 && slice.over) await slice.pause();
  }
  return product;
}

function orthogonal(vector: Float64Array, known: readonly Float64Array[]): Float64Array {
  for (const direction of known) {
    const along = vector.reduce((sum, value, i) => sum + value * direction[i]!, 0);
    for (let i = 0; i < vector.length; i++) vector[i]! -= along * direction[i]!;
  }
  return vector;
}

/** Of length one; a zero vector, as rows that are all equal give it, stays. */
function unit(vector: Float64Array): Float64Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)) || 1;
  return vector.map((value) => value / length);
}
