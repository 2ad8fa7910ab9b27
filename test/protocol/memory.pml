/* Publication in memory: writers, searches, index builds and a compaction at once (cpp/engine/writer.cpp, write_queue.h,
 * maintenance.cpp, compactor.cpp, change_feed.cpp).
 *
 * Bounds: writer A commits a batch of two items, then a batch that removes both; writer B adds an item, then gives it another vector
 * (a new row and a tombstone). The maintenance thread does one build or (COMPACTION) one compaction, and the
 * compaction may be cancelled. One reader searches and looks again
 * at what is published; more would not see each other. Two writers at once form groups.
 * Abstracted away: how the snapshot is handed over and freed (pointer.pml: a load is one step here), the graph (an index is the set of
 * rows it covers), codes, metadata, spaces, more than one round of catching up, memory order.
 */
#define ROWS 4
#define NEVER 15
#define A_ADDS 1
#define A_REMOVES 2
#define B_ADDS 4
#define B_UPDATES 8

/* What a row holds: 1 and 2 are the items of A, 3 and 4 the two vectors of B's item; 0 is not written yet. */
typedef Generation { byte row[ROWS]; byte dead[ROWS]; byte place[5] };
Generation store[2];
typedef Snapshot { byte sequence, rows, dead_rows, indexed, index, version, generation };
Snapshot now;
byte mutex; /* the writer mutex */
bool journaling;
byte journal; /* rows that got a tombstone since */

byte queued, answered, leads;
bool busy;
byte begun, acknowledged; /* what was begun and acknowledged, for the checks */

inline lock() { atomic { mutex == 0 -> mutex = _pid } }
inline unlock() { atomic { assert(mutex == _pid); mutex = 0 } }

/* The invariant of Publisher. */
inline publish(next) {
  assert(next.sequence >= now.sequence && next.version >= now.version);
  copy(next, now)
}
inline copy(from, to) {
  to.sequence = from.sequence; to.rows = from.rows; to.dead_rows = from.dead_rows; to.indexed = from.indexed;
  to.index = from.index; to.version = from.version; to.generation = from.generation
}

inline fill(item) { /* rows beyond the published count are the writer's: one step for nobody looks there */
  d_step {
#ifndef BUG_PUBLISHED_BEFORE_FILLED
    store[next.generation].row[next.rows] = item;
#else
    late[next.rows] = item;
#endif
    store[next.generation].dead[next.rows] = NEVER;
    store[next.generation].place[item] = next.rows;
    next.rows++;
    next.sequence++
  }
}

inline bury(item) { /* searches see tombstones at once; their sequence tells whom they concern */
  d_step {
    old = store[next.generation].place[item];
    store[next.generation].dead[old] = next.sequence + 1;
    if
    :: journaling -> journal = journal | (1 << old)
    :: else
    fi;
    old = 0
  }
}

proctype Writer(byte first, second) {
  byte request = first;
  byte group, old;
  Snapshot next, nothing;
#ifdef BUG_PUBLISHED_BEFORE_FILLED
  byte late[ROWS], i;
#endif
again:
  atomic { /* WriteQueue::run() under its mutex */
    begun = begun | request;
    queued = queued | request;
    if
    :: busy -> (answered & request) || (leads & request)
    :: else
    fi;
    if
    :: answered & request -> goto done
    :: else -> busy = true; leads = 0; group = queued; queued = 0
    fi
  };
#ifdef BUG_WRITERS_TAKE_NO_LOCK
  d_step { copy(now, next) };
#else
  atomic { mutex == 0 -> mutex = _pid; copy(now, next) };
#endif
#ifdef BUG_ANSWERED_BEFORE_PUBLISHED
  acknowledged = acknowledged | request;
#endif
  if
  :: group & A_ADDS -> fill(1);
#ifdef BUG_BATCH_PUBLISHED_IN_HALVES
    d_step { publish(next) };
#endif
    fill(2)
  :: else
  fi;
  if
  :: group & B_ADDS -> fill(3)
  :: else
  fi;
  if
  :: group & B_UPDATES -> bury(3); fill(4); next.dead_rows++
  :: else
  fi;
  if
  :: group & A_REMOVES ->
    bury(1); next.sequence++;
    bury(2); next.sequence++;
    next.dead_rows = next.dead_rows + 2
  :: else
  fi;
  d_step { publish(next) };
#ifdef BUG_PUBLISHED_BEFORE_FILLED
  do
  :: i < ROWS ->
    if
    :: late[i] != 0 -> store[next.generation].row[i] = late[i]; late[i] = 0
    :: else
    fi;
    i++
  :: else -> i = 0; break
  od;
#endif
#ifndef BUG_WRITERS_TAKE_NO_LOCK
  unlock();
#endif
  d_step {
    answered = answered | group;
    busy = queued != 0;
    if /* one that waits leads the next group; it takes all */
    :: queued & (A_ADDS | A_REMOVES) -> leads = queued & (A_ADDS | A_REMOVES)
    :: else -> leads = queued
    fi;
    group = 0;
    copy(nothing, next)
  };
done:
  acknowledged = acknowledged | request;
  if
  :: request == first -> request = second; goto again
  :: else
  fi
}

proctype Reader() {
  Snapshot seen;
  byte found, known, r, item, last_sequence, last_version;
  atomic { known = acknowledged };
  d_step { copy(now, seen) };
  do
  :: r < seen.rows ->
    atomic {
      if /* in the index, or in the fresh tail */
      :: r >= seen.indexed || (seen.index & (1 << r)) ->
        item = store[seen.generation].row[r];
        assert(item != 0);
        if
        :: seen.dead_rows == 0 || store[seen.generation].dead[r] > seen.sequence ->
          assert(!(found & (1 << item)));
          found = found | (1 << item)
        :: else
        fi
      :: else
      fi;
      item = 0;
      r++
    }
  :: else -> break
  od;
  atomic {
    assert(((found >> 1) & 1) == ((found >> 2) & 1)); /* a batch is seen whole or not at all */
    assert((found & 24) != 24); /* so is an update */
    assert(!(known & A_ADDS) || (begun & A_REMOVES) || (found & 2));
    assert(!(known & A_REMOVES) || !(found & 2));
    assert(!(known & B_ADDS) || (found & 24));
    assert(!(known & B_UPDATES) || (found & 16));
    last_sequence = seen.sequence;
    last_version = seen.version
  };
  assert(now.sequence >= last_sequence && now.version >= last_version) /* what one reader sees never goes back */
}

#include "jobs.pml"

init {
  atomic {
    run Writer(A_ADDS, A_REMOVES);
    run Writer(B_ADDS, B_UPDATES);
    run Reader();
    run Maintenance()
  }
}
