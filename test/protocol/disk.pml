/* Durability in mode fsync: what a loss of power or the death of the process leaves, at any step.
 *
 * Bounds: OPS commits (a put, the removal of its item, one or two puts), CHECKPOINTS tried beside them, LOSSES losses of power or deaths of the
 * process (at any step, those of a recovery included), FAULTS failed syncs, torn appends or damaged manifests. checks.json has the
 * combinations.
 * Abstracted away: the bytes of frames and segments (a file verifies or it does not), reading (one step: nobody else writes), groups
 * (a frame is all or nothing), space ahead (zeros are no frame), modes async and memory, damage of other files.
 */
#ifndef OPS
#define OPS 3
#endif
#ifndef LOSSES
#define LOSSES 2
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#ifndef CHECKPOINTS
#define CHECKPOINTS 2
#endif
#include "folder.pml"
#include "engine.pml"
#include "checkpoint.pml"

proctype Power() {
  byte losses, i;
  int pending, one;
  do
  :: losses < LOSSES && parked == 0 ->
    atomic { down = true; losses++ };
    atomic {
      parked == 2 ->
      if
      :: lose_power(); settle()
      :: true /* the process alone dies: the system keeps what it wrote */
      fi;
      if /* the current manifest is damaged; not on top of another fault */
      :: faults < FAULTS && current > 1 -> faults = FAULTS; sound = sound & ~MANIFEST(current)
      :: true
      fi;
      restart()
    }
  :: true -> break
  od
}

init {
  atomic {
    create_database();
    run Writer();
    run Checkpointer();
    run Power()
  }
}
