/** Exact search by plain dot products over unit vectors stored row by row; the yardstick for recall, written apart from the engine. */
export function exactNeighbors(
  matrix: Float32Array,
  dimension: number,
  queries: Float32Array[],
  k: number,
): number[][] {
  const rows = matrix.length / dimension;
  const best = queries.map(() => ({ rows: [] as number[], scores: [] as number[] }));
  for (let row = 0; row < rows; row++) {
    const base = row * dimension;
    for (let q = 0; q < queries.length; q++) {
      const score = dot(queries[q] as Float32Array, matrix, base);
      const top = best[q] as { rows: number[]; scores: number[] };
      if (top.rows.length === k && score <= (top.scores[k - 1] as number)) continue;
      let at = top.scores.length;
      while (at > 0 && (top.scores[at - 1] as number) < score) at--;
      top.scores.splice(at, 0, score);
      top.rows.splice(at, 0, row);
      if (top.rows.length > k) {
        top.rows.pop();
        top.scores.pop();
      }
    }
  }
  return best.map((top) => top.rows);
}

function dot(q: Float32Array, matrix: Float32Array, base: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 4 <= q.length; i += 4) {
    a += (q[i] as number) * (matrix[base + i] as number);
    b += (q[i + 1] as number) * (matrix[base + i + 1] as number);
    c += (q[i + 2] as number) * (matrix[base + i + 2] as number);
    d += (q[i + 3] as number) * (matrix[base + i + 3] as number);
  }
  for (; i < q.length; i++) a += (q[i] as number) * (matrix[base + i] as number);
  return a + b + c + d;
}

/** Mean share of the exact neighbours that were found. */
export function recall(found: number[][], exact: number[][]): number {
  let hits = 0;
  let wanted = 0;
  exact.forEach((truth, q) => {
    const got = new Set(found[q]);
    wanted += truth.length;
    for (const row of truth) if (got.has(row)) hits++;
  });
  return wanted === 0 ? 1 : hits / wanted;
}
