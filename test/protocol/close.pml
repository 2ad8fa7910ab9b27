/* How a database ends: CallGate, Maintenance::stop() and the calls that wait for the builder (cpp/engine/call_gate.h, maintenance.cpp,
 * sage_db.cpp).
 *
 * Bounds: three calls at once, each a write that waits for room, a buildIndex() or a search; one close() at any moment (the binding lets
 * the owner close once). A job ends by itself, fails, or is so long that only its cancellation ends it.
 * Abstracted away: the timeouts of waits (so nothing here depends on them), cancellation by a caller, checkpoints and the other jobs,
 * memory order. A waiting thread is woken by a notification alone.
 */
#define LIMIT 2 /* fresh rows that a writer does not pass */

byte calls; /* the gate: calls inside, and whether it is closed */
bool closed;
bool gate_mutex, gate_waits;
bool mutex; /* of Maintenance */
bool stopping, cancelled, has_token, failing;
bool work_waits; /* the thread sleeps on work_cv_ */
byte done_waits; /* callers that sleep on done_cv_, by bit */
byte fresh, waiters, errors, held_back, retry;
bool closes; /* somebody is going to */
bool joined, over; /* the thread has ended; close() has returned */

#define LOCK atomic { !mutex -> mutex = true }
#define UNLOCK mutex = false
#define ME (1 << id)
/* Releases the mutex and sleeps in one step, as a condition variable does. */
#define WAIT_FOR_DONE atomic { mutex = false; done_waits = done_waits | ME }; atomic { !(done_waits & ME) && !mutex -> mutex = true }
#define WORK_IS_DUE (waiters & ~errors) != 0 && fresh > 0 || fresh > 0 && (!retry || held_back > 0)

inline leave() {
  d_step { calls--; last = closed && calls == 0 };
  if
  :: last -> atomic { !gate_mutex -> gate_mutex = true }; gate_waits = false; gate_mutex = false
  :: else
  fi
}

proctype Call(byte id) {
  bool last, refused;
#ifdef BUG_GATE_ASKS_BEFORE_IT_COUNTS
  refused = closed;
  if
  :: !refused -> calls++
  :: else -> goto ended
  fi;
#else
  d_step { calls++; refused = closed };
#endif
  if
  :: refused -> goto out
  :: else
  fi;
  if
  :: true -> assert(!over) /* a search */
  :: true -> /* apply(): wait_for_room(), then a commit and notify() */
    LOCK;
    held_back++;
    work_waits = false;
    do
    :: !stopping && !failing && fresh >= LIMIT -> WAIT_FOR_DONE
    :: else -> break
    od;
    held_back--;
    UNLOCK;
    atomic { assert(!over); fresh++; retry = false };
    LOCK;
    work_waits = false;
    UNLOCK
  :: true -> /* buildIndex(): run_and_wait() */
    LOCK;
    waiters = waiters | ME;
    work_waits = false;
    do
    :: fresh != 0 && !(errors & ME) && !stopping -> WAIT_FOR_DONE
    :: else -> break
    od;
    atomic { waiters = waiters & ~ME; errors = errors & ~ME };
    UNLOCK
  fi;
  assert(!over); /* nothing runs after close() */
out:
  leave();
ended:
  skip
}

proctype Thread() {
  bool failed, aborted;
  byte rows;
  LOCK;
  do
  :: stopping -> break
  :: else ->
    if
    :: WORK_IS_DUE ->
      d_step { has_token = true; cancelled = false };
      UNLOCK;
      assert(!over);
      rows = fresh;
      if
      :: true /* it ends */
      :: failed = true
      :: cancelled -> aborted = true
      :: closes -> cancelled; aborted = true /* a long one */
      fi;
      if
      :: !failed && !aborted -> atomic { assert(!over); fresh = fresh - rows }
      :: else
      fi;
      LOCK; /* finish_job() */
      d_step {
        has_token = false;
        failing = failed;
        retry = failed || aborted;
        if
        :: failed -> errors = errors | waiters
        :: else
        fi;
#ifndef BUG_JOB_ENDS_IN_SILENCE
        done_waits = 0;
#endif
        failed = false; aborted = false; rows = 0
      };
      UNLOCK
    :: else ->
      atomic { mutex = false; work_waits = true };
end_idle:
      !work_waits
    fi;
    LOCK
  od;
  UNLOCK;
  joined = true
}

inline drain() {
#ifndef BUG_CLOSE_DOES_NOT_DRAIN
  atomic { !gate_mutex -> gate_mutex = true };
  do
  :: calls == 0 -> break
  :: else -> atomic { gate_mutex = false; gate_waits = true }; atomic { !gate_waits && !gate_mutex -> gate_mutex = true }
  od;
  gate_mutex = false
#else
  skip
#endif
}

proctype Close() {
  if
  :: closes = true
  :: goto unused /* then calls end all the same */
  fi;
  closed = true;
#ifdef BUG_DRAINS_BEFORE_IT_STOPS
  drain();
#endif
  LOCK; /* Maintenance::stop() */
  d_step {
    stopping = true;
#ifndef BUG_RUNNING_JOB_IS_NOT_CANCELLED
    if
    :: has_token -> cancelled = true
    :: else
    fi
#endif
  };
  UNLOCK;
  work_waits = false;
#ifndef BUG_STOP_FORGETS_THE_CALLERS
  done_waits = 0;
#endif
#ifndef BUG_THREAD_IS_NOT_JOINED
  joined;
#endif
#ifndef BUG_DRAINS_BEFORE_IT_STOPS
  drain();
#endif
  over = true;
  assert(joined);
unused:
  skip
}

init {
  atomic {
    run Thread();
    run Call(0);
    run Call(1);
    run Call(2);
    run Close()
  }
}
