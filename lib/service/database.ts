import type { Metadata, Stats, VectorDatabase } from '../types.js';

/**
 * The part of a database that is the same in process and over the network: everything but the synchronous properties that
 * change. `SageDB`, the remote client and any other `VectorDatabase` fit it.
 */
export type AsyncVectorDatabase<M extends object = Metadata> = Omit<
  VectorDatabase<M>,
  'size' | 'indexVersion' | 'stats'
> & {
  stats(): Stats | Promise<Stats>;
};
