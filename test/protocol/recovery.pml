/* An open: the manifest that CURRENT names or the one before, the chain of logs, what no sync is known to cover
 * (cpp/storage/log_recovery.cpp, cpp/engine/storage.cpp). A failed assertion is a refused open.
 */

/* The chain of logs from `n` on, replayed into `state`; `carried` are the frames that no sync is known to cover. */
inline replay_logs() {
  n = manifest[in_force].log;
  do
  :: true ->
    assert(IS(live, LOG(n)) && IS(sound, LOG(n))); /* else: missing */
    if
    :: n < LOGS && IS(live, LOG(n + 1)) ->
      assert((wal[n].whole & wal[n + 1].previous) == wal[n + 1].previous); /* else: damaged */
      state = state | wal[n + 1].previous;
      n++
    :: else -> break
    fi
  od;
  o = 1;
  size = 0;
  do
  :: o <= OPS ->
    if
    :: IS(wal[n].whole, OP(o)) -> state = state | OP(o); carried = carried | OP(o); size = size | wal[n].confirmed[o]
    :: !IS(wal[n].whole, OP(o)) && IS(wal[n].written, OP(o)) -> break /* torn */
    :: else
    fi;
    o++
  :: else ->
    if
    :: wal[n].seal -> size = carried
    :: else
    fi;
    break
  od;
  do
  :: o <= OPS -> /* a later frame that says more had been durable: damage, refused */
    assert(!IS(wal[n].whole, OP(o)) || (wal[n].confirmed[o] & ~carried) == 0);
    o++
  :: else -> break
  od;
  carried = carried & ~size;
  assert((live >> (n + 1)) % (1 << (LOGS - n)) == 0); /* else: a log between is missing */
  o = 0
}

inline load_manifest() {
  in_force = current;
  do
  :: IS(live, MANIFEST(in_force)) && IS(sound, MANIFEST(in_force)) -> break
  :: else -> assert(in_force > 1); in_force--
  od;
  n = 1;
  state = 0;
  do
  :: n < GENERATIONS ->
    if
    :: IS(manifest[in_force].rows, 1 << n) -> assert(IS(live, ROWS(n)) && IS(sound, ROWS(n))); state = state | rows_of[n]
    :: else
    fi;
    n++
  :: else -> break
  od;
  if
  :: in_force > 1 -> assert(IS(live, DEAD(in_force)) && IS(sound, DEAD(in_force))); state = state | dead_of[in_force]
  :: else
  fi;
  assert(state == manifest[in_force].state);
  last_tried = current
}

inline recover() {
  d_step { /* deterministic, and nobody else writes */
    load_manifest();
    replay_logs();
    if
    :: in_force != current -> /* require_complete() */
      assert(n >= manifest[current].log && (manifest[current].state & ~state) == 0)
    :: else
    fi;
    log = 0; poisoned = false; ended = false;
    start_number = n + 1; start_size = size
  };
#ifndef BUG_FOLDER_IS_NOT_SYNCED_AT_OPEN
  /* What a killed process has renamed comes before what this one will. */
  sync_folder();
  if
  :: fails -> goto again
  :: else
  fi;
#endif
#ifdef BUG_SERVES_BEFORE_IT_CARRIES
  atomic { served = served | state };
#endif
#ifndef BUG_CARRIED_FRAMES_ARE_DROPPED
  if
  :: carried != 0 ->
    n = start_number;
    create_log(size, carried);
    if
    :: fails -> goto again /* the open is refused and tried again */
    :: else
    fi
  :: else
  fi;
#endif
  atomic {
    assert((acknowledged & ~state) == 0); /* nothing acknowledged is lost */
    assert((served & ~state) == 0); /* nothing that was seen vanishes */
    served = served | state;
    carried = 0; size = 0; n = 0;
    serving = true
  }
}
