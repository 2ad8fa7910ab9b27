// The portable form of a database: a folder with items.jsonl (id and metadata, one object per line) and vectors.npy (row i belongs to line i), or
// one .jsonl file whose objects have the vector, too.
import { join } from 'node:path';

export const ITEMS = 'items.jsonl';
export const VECTORS = 'vectors.npy';

export interface PortableFiles {
  items: string;
  /** Undefined: the vectors are in the items. */
  vectors: string | undefined;
  /** The folder of both files. */
  folder: string | undefined;
}

export function portableFiles(path: string): PortableFiles {
  if (path.endsWith('.jsonl')) return { items: path, vectors: undefined, folder: undefined };
  return { items: join(path, ITEMS), vectors: join(path, VECTORS), folder: path };
}
