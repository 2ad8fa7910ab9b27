/* The writing process: log and recovery (cpp/engine/storage.cpp, cpp/storage/log_*.cpp), mode fsync. Two threads, one that commits and
 * one that checkpoints (checkpoint.pml), until `down` ends both at any step.
 */
bool down, serving, mutex; /* mutex: the writer mutex */
byte parked;
byte state; /* operations in memory: what searches see */
byte next_op = 1; /* never used twice, so that a lost commit cannot be mistaken for its successor */
byte log; /* the current one; 0: none since the open */
bool ended, poisoned;
byte start_number, start_size; /* of the first log since the open */
byte in_force; /* manifest_ */
byte last_tried;
byte faults; /* failed syncs and torn appends */
byte acknowledged, served; /* what must never be lost again */

inline may_fail() {
  if
  :: fails = false
  :: faults < FAULTS -> faults++; fails = true
  fi
}

inline sync_log(n) {
  atomic {
    may_fail();
    if
    :: fails -> poisoned = true; wal[n].doomed = wal[n].doomed | (wal[n].whole & ~wal[n].saved)
    :: else ->
#ifdef BUG_LOG_SYNC_REACHES_NO_DISK
      skip
#else
      wal[n].saved = wal[n].saved | (wal[n].whole & ~wal[n].doomed);
      wal[n].seal_saved = wal[n].seal
#endif
    fi
  }
}

inline sync_file(name) {
  atomic {
    may_fail();
    if
    :: !fails -> synced = synced | (name)
    :: else
    fi
  }
}

inline sync_folder() {
  atomic {
    may_fail();
    if
    :: fails
    :: else -> durable = live; current_may = 1 << current
    fi
  }
}

/* LogWriter::create() of log n: complete and synced under .tmp, then renamed. `carried` is written again. */
inline create_log(size, carried) {
  atomic {
    may_fail();
    if
    :: fails
    :: else ->
      clear_log(n);
      wal[n].written = carried; wal[n].whole = carried; wal[n].saved = carried; wal[n].previous = size;
      live = live | LOG(n); sound = sound | LOG(n)
    fi
  };
#ifndef BUG_FOLDER_IS_NOT_SYNCED_AFTER_A_NEW_LOG
  if
  :: !fails -> sync_folder()
  :: else
  fi;
#endif
  if
  :: !fails -> atomic { log = n; ended = false }
  :: else
  fi
}

/* LogChain::next() */
inline next_log() {
  if
  :: log != 0 ->
    if
    :: poisoned -> fails = true
    :: else -> n = log + 1; create_log(wal[log].whole, 0)
    fi
  :: else -> n = start_number; create_log(start_size, 0)
  fi
}

inline commit() {
  atomic { !mutex -> mutex = true };
  if
  :: log == 0 || ended ->
    next_log();
    if
    :: fails -> goto failed
    :: else
    fi
  :: else
  fi;
  atomic { /* append */
    if
    :: poisoned -> goto failed
    :: else
    fi;
    o = next_op;
    next_op++;
    may_fail();
    wal[log].written = wal[log].written | OP(o);
    wal[log].confirmed[o] = wal[log].saved;
    if
    :: fails ->
#ifndef BUG_APPENDS_BEHIND_A_TORN_FRAME
      ended = true;
#endif
      goto failed
    :: else -> wal[log].whole = wal[log].whole | OP(o)
    fi
  };
#ifdef BUG_VISIBLE_BEFORE_SYNC
  atomic { state = state | OP(o); served = served | state };
#endif
#ifdef BUG_ACKNOWLEDGED_BEFORE_SYNC
  acknowledged = acknowledged | OP(o);
#endif
  sync_log(log);
  if
#ifdef BUG_FAILED_SYNC_IS_FORGOTTEN
  :: fails -> poisoned = false; goto failed
#else
  :: fails -> goto failed
#endif
  :: else
  fi;
  atomic { state = state | OP(o); served = served | state; acknowledged = acknowledged | OP(o) };
failed:
  atomic { mutex = false; o = 0; n = 0 }
}

#include "recovery.pml"

proctype Writer() {
  byte o, n, size, carried;
  bool fails; /* the last operation did */
again:
  atomic { fails = false; o = 0; n = 0; size = 0; carried = 0 };
  {
    recover();
    do
    :: next_op <= OPS -> commit()
    :: true -> break
    od;
end_idle:
    false
  } unless { atomic { down -> parked++ } };
  atomic { !down -> parked--; goto again }
}

inline restart() {
  serving = false; mutex = false; state = 0; log = 0; ended = false; poisoned = false; start_number = 0; start_size = 0;
  in_force = 0; last_tried = 0; down = false
}

inline create_database() { /* Storage::open() of a new folder: an empty sealed log, generation 1 without segments */
  live = LOG(1) | MANIFEST(1); durable = live; sound = live; synced = live;
  wal[1].seal = true; wal[1].seal_saved = true;
  manifest[1].log = 1;
  current = 1; current_may = 1 << 1; tmp_saved = 1 << 1
}
