/* How a snapshot is handed to readers and freed: cpp/base/published_ptr.h and cpp/engine/publisher.cpp.
 *
 * Bounds: one publisher (publications are serialised by the writer mutex) that stores twice, a reader that loads twice and one that loads once, the
 * maintenance thread that collects 2 times and writes into what it recycled. A freed node is handed out again at once, as an
 * allocator may do, so that a stale pointer meets the same address (ABA).
 * Abstracted away: memory order (every access is sequentially consistent; the race detector sees to the rest), spurious failures of
 * the compare-exchange, more than 65,535 loads at once, parts other than the index (they are retired in the same way).
 */
#define READERS 2
#define STORES 2
#define SNAPSHOTS 3
#define NODES 4 /* one that each reader may hold, the current, the next */
#define NONE 9

typedef Node { bool live; byte snapshot; short borrowed };
Node node[NODES];
byte word_node, word_count; /* one 64-bit word: always read and written in one step */

byte snapshot_refs[SNAPSHOTS]; /* shared_ptr<const Snapshot> */
byte index_of[SNAPSHOTS];
byte index_refs[SNAPSHOTS]; /* shared_ptr<const Index>: by snapshots that live, retired_, recyclable_ */
bool overwritten[SNAPSHOTS]; /* the buffers of the index were recycled */
bool retired[SNAPSHOTS];
byte recyclable = NONE;
byte running = READERS + 1;

/* The last reference to a snapshot gives back its index. Whoever that is, it is not the one who frees the index. */
inline release(s) {
  assert(snapshot_refs[s] > 0);
  snapshot_refs[s]--;
  if
  :: snapshot_refs[s] == 0 ->
    assert(index_refs[index_of[s]] > 1);
    index_refs[index_of[s]]--
  :: else
  fi
}

inline free_node(n) {
  assert(node[n].live);
  node[n].live = false;
  node[n].borrowed = 0;
  assert(snapshot_refs[node[n].snapshot] > 1); /* whoever frees a node holds a copy of its value */
  snapshot_refs[node[n].snapshot]--;
  node[n].snapshot = 0
}

proctype Reader(byte loads) {
  byte n, s, seen_count, seen_node;
  byte last = 0;
  do
  :: loads > 0 ->
#ifdef BUG_LOAD_WITHOUT_BORROWING
    n = word_node;
#else
    d_step { word_count++; n = word_node; seen_count = word_count; seen_node = n };
#endif
    d_step { /* a copy of node->value */
      assert(node[n].live);
      s = node[n].snapshot;
      assert(snapshot_refs[s] > 0);
      snapshot_refs[s]++
    };
#ifndef BUG_LOAD_WITHOUT_BORROWING
    do
#ifdef BUG_GIVES_BACK_TO_THE_NEXT_NODE
    :: seen_count != 0 ->
#else
    :: seen_node == n && seen_count != 0 ->
#endif
      atomic {
        if
        :: word_node == seen_node && word_count == seen_count -> word_count--; goto loaded
        :: else -> seen_node = word_node; seen_count = word_count
        fi
      }
    :: else -> break
    od;
    atomic {
      assert(node[n].live);
      node[n].borrowed--;
      if
      :: node[n].borrowed == 0 -> free_node(n)
      :: else
      fi
    };
#endif
loaded:
    assert(s >= last); /* what one reader sees never goes back */
    last = s;
    assert(snapshot_refs[s] > 0 && index_refs[index_of[s]] > 0 && !overwritten[index_of[s]]); /* the search */
    d_step { release(s) };
    d_step { s = 0; n = 0; seen_count = 0; seen_node = 0; loads-- }
  :: else -> break
  od;
  running--
}

proctype Publisher() {
  byte s, n, old, old_snapshot, count;
  byte next = 1;
  do
  :: next <= STORES ->
    atomic { /* prepare(): with a new index, or as an ordinary commit with the same */
      if
      :: index_of[next] = next
      :: index_of[next] = index_of[next - 1]
      fi;
      index_refs[index_of[next]]++;
      snapshot_refs[next] = 1;
      n = 0;
      do
      :: node[n].live -> n++; assert(n < NODES)
      :: else -> break
      od;
      node[n].live = true;
      node[n].snapshot = next;
      old = word_node; count = word_count; word_node = n; word_count = 0; n = 0
    };
    d_step { assert(node[old].live); old_snapshot = node[old].snapshot; snapshot_refs[old_snapshot]++ };
    d_step {
      assert(node[old].live);
#ifndef BUG_LOANS_ARE_NOT_BOOKED
      node[old].borrowed = node[old].borrowed + count;
#endif
      if
#ifdef BUG_FREED_WHILE_BORROWED
      :: true -> free_node(old)
#else
      :: node[old].borrowed == 0 -> free_node(old)
#endif
      :: else
      fi
    };
    atomic { /* under the mutex of retired_ */
      if
#ifndef BUG_NOT_RETIRED
      :: index_of[old_snapshot] != index_of[next] ->
        retired[index_of[old_snapshot]] = true;
        index_refs[index_of[old_snapshot]]++
#endif
      :: else
      fi
    };
    d_step { release(old_snapshot) };
    d_step { old_snapshot = 0; old = 0; count = 0; next++ }
  :: else -> break
  od;
  running--
}

/* Publisher::collect() and take_recyclable(), then a build into the old buffers. */
proctype Maintenance() {
  byte i, taken;
  byte rounds = 0;
  bool last;
  do
  :: rounds < 2 || running == 0 ->
    d_step {
      last = running == 0;
      i = 0;
      do
      :: i < SNAPSHOTS ->
        if
#ifdef BUG_COLLECTS_WHAT_ONE_READER_HOLDS
        :: retired[i] && index_refs[i] <= 2 ->
#else
        :: retired[i] && index_refs[i] == 1 ->
#endif
          retired[i] = false;
          if
          :: recyclable != NONE -> index_refs[recyclable]--
          :: else
          fi;
          recyclable = i
        :: else
        fi;
        i++
      :: else -> break
      od;
      i = 0
    };
    d_step { taken = recyclable; recyclable = NONE };
    if
    :: taken != NONE -> overwritten[taken] = true; index_refs[taken]--
    :: else
    fi;
    taken = NONE;
    if
    :: last -> break
    :: else -> rounds++
    fi
  od;
  /* Nothing leaks: one node, one snapshot, its index. */
  atomic {
    i = 0;
    do
    :: i < SNAPSHOTS ->
      assert(snapshot_refs[i] == (i == node[word_node].snapshot));
      assert(index_refs[i] == (i == index_of[node[word_node].snapshot]));
      i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < NODES -> assert(node[i].live == (i == word_node)); i++
    :: else -> break
    od
  }
}

init {
  atomic {
    node[0].live = true;
    snapshot_refs[0] = 1;
    index_refs[0] = 1;
    run Publisher();
    run Maintenance();
    run Reader(2);
    run Reader(1)
  }
}
