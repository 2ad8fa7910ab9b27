// Property: a remote database has the asynchronous methods of SageDB with the very same signatures, and what it lacks is this list.
import { describe, expectTypeOf, test } from 'vitest';
import type { SageDB, Stats } from '../../lib/index.js';
import type { RemoteDatabase } from '../../lib/server/index.js';

interface Book {
  title: string;
  year: number;
}
type Local = SageDB<Book>;
type Remote = RemoteDatabase<Book>;

/**
 * Only there in process: synchronous, of one process's memory, or of the server's files. A server serves no database with named spaces
 * (`spaces`): its wire format has one vector per item.
 */
type LocalOnly = 'spaces' | 'size' | 'indexVersion' | 'handle' | 'searchSync' | 'batchSearchSync' | 'snapshot';
type Shared = Exclude<keyof Local & keyof Remote, 'stats'>;

describe('the remote type', () => {
  test('has everything but what is documented, and nothing else', () => {
    expectTypeOf<Exclude<keyof Local, keyof Remote>>().toEqualTypeOf<LocalOnly>();
    expectTypeOf<Exclude<keyof Remote, keyof Local>>().toEqualTypeOf<never>();
  });

  test('has the same signatures', () => {
    expectTypeOf<Pick<Remote, Shared>>().toEqualTypeOf<Pick<Local, Shared>>();
    expectTypeOf<Remote['search']>().toEqualTypeOf<Local['search']>();
    expectTypeOf<Remote['iterate']>().toEqualTypeOf<Local['iterate']>();
    expectTypeOf<Remote['stats']>().returns.resolves.toEqualTypeOf<Stats>();
  });
});
