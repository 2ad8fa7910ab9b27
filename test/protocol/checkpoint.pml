/* A checkpoint beside the commits (run_checkpoint() in cpp/engine/storage.cpp, cpp/storage/manifest.cpp): segments, manifest, CURRENT, then
 * the removal of what neither the new generation nor the one before needs.
 */

#define PUTS (OP(1) | OP(3) | OP(4)) /* the second operation removes what the first one put */

inline checkpoint() {
  atomic { !mutex -> mutex = true };
  if
  :: log != 0 && !ended ->
    fails = poisoned;
    if
    :: !fails -> sync_log(log)
    :: else
    fi;
    if
    :: fails -> goto released
    :: else
    fi;
    atomic { wal[log].seal = true; ended = true };
    sync_log(log);
    if
    :: fails -> goto released
    :: else
    fi
  :: else
  fi;
  next_log();
  if
  :: fails -> goto released
  :: else
  fi;
  atomic {
    last_tried++;
    g = last_tried;
    manifest[g].state = state;
    manifest[g].log = log;
    manifest[g].previous = in_force;
    manifest[g].rows = manifest[in_force].rows;
    mutex = false
  };
#ifdef BUG_THE_LOG_IS_NAMED_WITHOUT_THE_MUTEX
  manifest[g].log = log;
#endif
  if /* what no earlier segment describes */
  :: (manifest[g].state & PUTS & ~manifest[in_force].state) != 0 ->
    atomic {
      write_file(ROWS(g));
      rows_of[g] = manifest[g].state & PUTS & ~manifest[in_force].state;
      manifest[g].rows = manifest[g].rows | (1 << g)
    };
#ifndef BUG_SEGMENTS_ARE_NOT_SYNCED
    sync_file(ROWS(g));
    if
    :: fails -> goto discarded
    :: else
    fi
#endif
  :: else
  fi;
  atomic {
    write_file(DEAD(g));
#ifdef BUG_TOMBSTONES_ARE_NOT_WRITTEN_AGAIN
    dead_of[g] = dead_of[in_force]
#else
    dead_of[g] = manifest[g].state & ~PUTS
#endif
  };
#ifndef BUG_SEGMENTS_ARE_NOT_SYNCED
  sync_file(DEAD(g));
  if
  :: fails -> goto discarded
  :: else
  fi;
#endif
  atomic { write_file(MANIFEST(g)) };
  sync_file(MANIFEST(g));
  if
  :: fails -> goto abandoned
  :: else
  fi;
  atomic { /* CURRENT.tmp */
    may_fail();
    if
    :: fails -> goto abandoned
    :: else ->
#ifndef BUG_CURRENT_IS_NOT_SYNCED
      tmp_saved = tmp_saved | (1 << g)
#endif
    fi
  };
#ifndef BUG_FOLDER_IS_NOT_SYNCED_BEFORE_THE_RENAME
  sync_folder();
  if
  :: fails -> goto abandoned
  :: else
  fi;
#endif
#ifdef BUG_UNLINKS_BEFORE_THE_RENAME
  live = live & ~MANIFEST(in_force);
#endif
  atomic { current = g; current_may = current_may | (1 << g) };
  sync_folder();
  if
  :: fails -> goto abandoned
  :: else
  fi;
  atomic {
    in_force = g;
    keep(g);
#ifndef BUG_THE_GENERATION_BEFORE_IS_NOT_KEPT
    assert(IS(live, MANIFEST(manifest[g].previous)) && IS(sound, MANIFEST(manifest[g].previous)));
    keep(manifest[g].previous)
#endif
  };
  do /* remove_obsolete_files(), one at a time */
  :: n < NAMES ->
    atomic {
      if
      :: IS(live & ~kept, 1 << n) -> live = live & ~(1 << n)
      :: else
      fi;
      n++
    }
  :: else -> break
  od;
  goto abandoned;
discarded:
  atomic { live = live & ~(ROWS(g) | DEAD(g)); goto abandoned };
released:
  mutex = false;
abandoned:
  atomic { g = 0; n = 0; kept = 0 }
}

/* What a generation needs: its manifest, its segments, all logs from its first on. */
inline keep(x) {
  kept = kept | MANIFEST(x) | DEAD(x) | (manifest[x].rows << 12) | ((LOG(LOGS + 1) - 1) & ~(LOG(manifest[x].log) - 1))
}

proctype Checkpointer() {
  byte g, n;
  int kept;
  bool fails;
again:
  atomic { fails = false; g = 0; n = 0; kept = 0 };
  {
    do
    :: serving && !mutex && last_tried <= CHECKPOINTS && state != manifest[in_force].state -> checkpoint()
    :: serving -> break
    od;
end_idle:
    false
  } unless { atomic { down -> parked++ } };
  atomic { !down -> parked--; goto again }
}
