/* The database's folder as a disk keeps it, for disk.pml and follower.pml.
 *
 * What POSIX promises and no more, as in test/support/sim_env.h: content is durable after a sync of its file, a name after a sync of the
 * folder; until then each frame, each file and each name survives a loss of power or does not, independently of the others. After a
 * failed sync of a file what it was to save counts as clean: reads still return it, later syncs do not save it. Names whose sync failed
 * are saved by the next one.
 * Numbers of logs and generations are small, so that a set of files is a set of bits. A frame is one commit, named by the number of its
 * operation; these rise, so that a set of operations stands for their order, too.
 */
#define LOGS 7
#define GENERATIONS 4
#define LOG(n) (1 << (n))
#define MANIFEST(g) (1 << (8 + (g)))
#define ROWS(g) (1 << (12 + (g)))
#define DEAD(g) (1 << (16 + (g)))
#define NAMES 20
#define OP(o) (1 << (o))
#define IS(set, one) (((set) & (one)) != 0)

/* Names: as processes see them, as they are known to survive. */
int live, durable;
int sound, synced; /* whole files: what is read verifies; what is read is durable */

typedef Log {
  byte written; /* operations whose frames were appended: their places in the file */
  byte whole; /* of these, the frames that verify */
  byte saved, doomed; /* of these, synced; lost to a failed sync */
  byte confirmed[5]; /* the frame's field «durable»: what had been synced when it was written */
  byte previous; /* the header: which frames of the log before count */
  bool seal, seal_saved
};
Log wal[LOGS + 1];
typedef Manifest { byte log, state, previous, rows }; /* first log, operations in the segments, generation before, chain of rows */
Manifest manifest[GENERATIONS];
byte rows_of[GENERATIONS], dead_of[GENERATIONS]; /* content of segments: puts and removes */

byte current; /* what CURRENT names */
byte current_may; /* the generations that a loss of power can leave there */
byte tmp_saved; /* generations whose CURRENT.tmp was synced before the rename */

inline write_file(name) { live = live | name; sound = sound | name; synced = synced & ~name }

#define WHOLE_FILES (~(LOG(LOGS + 1) - 1))

/* The lowest bit of `set`, taken out of it. */
inline take(set) {
  d_step {
    one = 1;
    do
    :: !IS(set, one) -> one = one << 1
    :: else -> break
    od;
    set = set & ~one
  }
}

/* Each name, each content and each frame on its own. */
inline lose_power() {
  pending = live ^ durable;
  do
  :: pending != 0 ->
    take(pending);
    if
    :: live = live ^ one
    :: true
    fi
  :: else -> break
  od;
  pending = live & ~synced & WHOLE_FILES;
  do
  :: pending != 0 ->
    take(pending);
    if
    :: sound = sound & ~one
    :: true
    fi
  :: else -> break
  od;
  i = 1;
  do
  :: i <= LOGS ->
    pending = wal[i].whole & ~wal[i].saved;
    do
    :: IS(live, LOG(i)) && pending != 0 ->
      take(pending);
      if
      :: wal[i].whole = wal[i].whole & ~one
      :: true
      fi
    :: else -> break
    od;
    if
    :: IS(live, LOG(i)) && wal[i].seal && !wal[i].seal_saved -> wal[i].seal = false
    :: true
    fi;
    i++
  :: else -> break
  od;
  i = 1;
  do
  :: i < GENERATIONS && IS(current_may, 1 << i) -> current = i; break
  :: i < GENERATIONS -> i++
  :: else -> break /* what processes saw */
  od;
  assert(IS(tmp_saved, 1 << current)); /* else CURRENT can be garbage */
  pending = 0;
  one = 0;
  i = 0
}

/* Reads come from the disk now; what nobody can ever read again is forgotten. */
inline settle() {
  d_step {
    current_may = 1 << current;
    durable = live;
    sound = sound & live;
    synced = live;
    i = 1;
    do
    :: i <= LOGS ->
      if
      :: IS(live, LOG(i)) -> wal[i].saved = wal[i].whole; wal[i].doomed = 0; wal[i].seal_saved = wal[i].seal
      :: else -> clear_log(i)
      fi;
      i++
    :: else -> break
    od;
    i = 1;
    do
    :: i < GENERATIONS ->
      if
      :: !IS(live, MANIFEST(i)) -> manifest[i].log = 0; manifest[i].state = 0; manifest[i].previous = 0; manifest[i].rows = 0
      :: else
      fi;
      if
      :: !IS(live, ROWS(i)) -> rows_of[i] = 0
      :: else
      fi;
      if
      :: !IS(live, DEAD(i)) -> dead_of[i] = 0
      :: else
      fi;
      i++
    :: else -> break
    od;
    i = 0
  }
}

inline clear_log(x) {
  wal[x].written = 0; wal[x].whole = 0; wal[x].saved = 0; wal[x].doomed = 0; wal[x].previous = 0; wal[x].seal = false;
  wal[x].seal_saved = false; wal[x].confirmed[1] = 0; wal[x].confirmed[2] = 0; wal[x].confirmed[3] = 0; wal[x].confirmed[4] = 0
}
