// What a background build does: a pure function from a snapshot to a larger index.
#pragma once

#include "engine/sage_db.h"
#include "engine/snapshot.h"

namespace sagedb {

struct BuildOutput {
  std::shared_ptr<const Index> index;
  std::shared_ptr<CodeStore> codes;  // the snapshot's, or newly trained and filled for [0, rows); null without vectors
};

// Indexes rows [0, rows) of the snapshot in one space. `use_codes`: train codes first when the snapshot has none. Throws ABORTED,
// OUT_OF_MEMORY.
BuildOutput run_build(const Snapshot& snapshot, SpaceNo space, Row rows, const AnnsAlgorithm& algorithm, bool use_codes,
                      std::shared_ptr<const Index> recycled, const BuildContext& context);

// Encodes those of rows [first, last) that have a vector, on several threads. Requires codes.ensure(last).
void encode_rows(CodeStore& codes, const SpaceView& space, Row first, Row last, int threads);

}  // namespace sagedb
