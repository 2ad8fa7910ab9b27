// Whether the parts of a database agree: rows, their newest records, ids, texts, vectors and counts. Checksums tell what a disk has changed; this
// tells what a program has written wrong.
//
// Thread safety: beside writers, builds and compactions; a piece of the ids is looked up under the store's lock at a time.
#pragma once

#include "base/cancel.h"
#include "engine/engine_state.h"

namespace sagedb {

// Every row has a newest record that names it, that of a live row lives, every live record is found by its id, texts lie where records say and are JSON objects,
// vectors are finite, and the counts are those of the rows. Adds the rows to `progress` (may be null) as it goes. Throws CORRUPTION with the first
// thing that is wrong, ABORTED.
void check_consistency(EngineState& state, const CancelToken* cancel, Progress* progress);

}  // namespace sagedb
