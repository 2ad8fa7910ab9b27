import type { AsyncVectorDatabase } from '../service/database.js';
import type { Metadata } from '../types.js';
import type { RemoteDatabase } from './remote-database.js';

/** What only some databases can do; a server has no routes for what its database has not. */
type Further = 'iterate' | 'searchRaw' | 'batchSearchRaw' | 'findDuplicates' | 'refresh' | 'verify';

/** A database as a server sees it: `SageDB`, a remote one, or any other `VectorDatabase`. */
export type ServedDatabase<M extends object = Metadata> = AsyncVectorDatabase<M> &
  Partial<Pick<RemoteDatabase<M>, Further>>;
