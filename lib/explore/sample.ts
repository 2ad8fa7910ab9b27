import { randomNumbers } from '../random.js';
import type { SageDB } from '../sage-db.js';
import type { Id, Item, Metadata } from '../types.js';

const PAGE = 4096;

export type SampledItem = Item<Metadata, true>;

/** `size` items drawn uniformly in one pass over all of them (reservoir sampling); all when there are no more. */
export async function sampleItems(database: SageDB, size: number, seed = 1): Promise<SampledItem[]> {
  const random = randomNumbers(seed);
  const chosen: Id[] = [];
  let seen = 0;
  for await (const { id } of database.iterate(undefined, { select: [], pageSize: PAGE })) {
    if (chosen.length < size) chosen.push(id);
    else {
      const place = Math.floor(random() * (seen + 1));
      if (place < size) chosen[place] = id;
    }
    seen++;
  }
  const items = await database.getMany(chosen, { includeVector: true });
  // Removed since the pass.
  return items.filter((item): item is SampledItem => item !== undefined);
}

/** The vectors of items, row after row. */
export function joinVectors(items: readonly SampledItem[], dimension: number): Float32Array {
  const joined = new Float32Array(items.length * dimension);
  for (const [row, { vector }] of items.entries()) joined.set(vector, row * dimension);
  return joined;
}
