import { SageDB, SageDBError, type SearchResult } from 'sagedb';

interface Film {
  title: string;
  year: number;
}

export async function find(): Promise<SearchResult<Film>[]> {
  const db = await SageDB.open<Film>({ dimension: 3, metric: 'cosine' });
  await db.add([1, 2, 3], { title: 'Solaris', year: 1972 });
  // @ts-expect-error metadata that lacks a field of its type
  await db.add([3, 2, 1], { title: 'Stalker' });
  return db.search([1, 2, 3], { k: 5, filter: { year: { $gte: 1970 } } });
}

export const isOurs = (error: unknown): boolean => error instanceof SageDBError && error.code === 'CLOSED';
