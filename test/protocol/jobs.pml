/* The maintenance thread of memory.pml: builds and a compaction publish beside the writers. */

inline build() {
  d_step { copy(now, sealed) };
  if
  :: sealed.indexed < sealed.rows -> /* all fresh rows, or a part of them */
    atomic {
      rows = sealed.indexed + 1;
      do
      :: rows < sealed.rows -> rows++
      :: break
      od;
      r = sealed.indexed;
      index = sealed.index;
      do /* published rows do not change, so that one step does */
      :: r < rows -> assert(store[sealed.generation].row[r] != 0); index = index | (1 << r); r++
      :: else -> break
      od
    };
#ifndef BUG_INDEX_PUBLISHED_WITHOUT_LOCK
    lock();
#endif
    d_step { copy(now, next); assert(next.generation == sealed.generation) };
#ifdef BUG_INDEX_PUBLISHES_THE_OLD_STATE
    d_step { copy(sealed, next); next.version = now.version; next.sequence = now.sequence };
#endif
    d_step {
      next.index = index;
#ifdef BUG_TAIL_CUT_BEYOND_THE_INDEX
      next.indexed = next.rows;
#else
      next.indexed = rows;
#endif
      next.version++
    };
    d_step { publish(next) };
#ifndef BUG_INDEX_PUBLISHED_WITHOUT_LOCK
    unlock();
#endif
    d_step { rows = 0; r = 0; index = 0 }
  :: else
  fi;
  forget()
}

inline forget() {
  d_step {
    copy(nothing, sealed);
    copy(nothing, next)
  }
}

inline append(from_row) {
  store[1].row[next.rows] = store[0].row[from_row];
  store[1].dead[next.rows] = NEVER;
  store[1].place[store[1].row[next.rows]] = next.rows;
  map[from_row] = next.rows;
  next.rows++
}

/* Rows that the new generation does not have, then the tombstones, of a state `sealed` that does not change. */
inline replay() {
  atomic {
#ifndef BUG_ROWS_ARE_NOT_REPLAYED
    do
    :: seen < sealed.rows -> append(seen); seen++
    :: else -> break
    od;
#endif
    r = 0;
    do
    :: r < ROWS ->
      if
      :: deletions & (1 << r) ->
#ifndef BUG_DELETIONS_ARE_NOT_REPLAYED
        assert(map[r] != NEVER);
        store[1].dead[map[r]] = store[0].dead[r];
#endif
        next.dead_rows++
      :: else
      fi;
      r++
    :: else -> break
    od;
    deletions = 0;
    r = 0
  }
}

inline compact() {
#ifdef BUG_JOURNAL_BEGINS_LATE
  d_step { copy(now, sealed) };
  journaling = true;
#else
  lock();
  d_step { journaling = true; copy(now, sealed) };
  unlock();
#endif
  r = 0;
  do
  :: r < sealed.rows -> /* writers set tombstones meanwhile */
    d_step {
      if
      :: store[0].dead[r] > sealed.sequence ->
        append(r);
        if
        :: r < sealed.indexed -> next.index = next.index | (1 << map[r]); next.indexed++
        :: else
        fi
      :: else
      fi;
      r++
    }
  :: else -> break
  od;
  atomic { seen = sealed.rows; r = 0 };
  if
  :: goto cancelled /* the destructor of ChangeFeed */
  :: true
  fi;
  lock(); /* a round of catching up */
  d_step { copy(now, sealed); deletions = journal; journal = 0 };
  unlock();
  replay();
  lock();
  d_step { copy(now, sealed); deletions = journal; journal = 0; journaling = false };
#ifdef BUG_LOCK_GIVEN_BACK_BEFORE_THE_SWITCH
  unlock();
#endif
  replay();
  d_step {
    next.sequence = sealed.sequence;
    next.version = sealed.version + 1;
    next.generation = 1;
    publish(next)
  };
#ifndef BUG_LOCK_GIVEN_BACK_BEFORE_THE_SWITCH
  unlock();
#endif
  goto compacted;
cancelled:
  lock();
  d_step { journaling = false; journal = 0 };
  unlock();
compacted:
  atomic {
    map[0] = NEVER; map[1] = NEVER; map[2] = NEVER; map[3] = NEVER;
    seen = 0;
    copy(nothing, sealed);
    copy(nothing, next)
  }
}

proctype Maintenance() {
  Snapshot sealed, next, nothing;
  byte r, rows, index, seen, deletions;
  byte map[ROWS];
  d_step { map[0] = NEVER; map[1] = NEVER; map[2] = NEVER; map[3] = NEVER };
#ifdef COMPACTION
  compact();
#else
  build();
#endif
}
