// What writes do to the text index of a snapshot.
#pragma once

#include "engine/snapshot.h"
#include "engine/write_plan.h"

namespace sagedb {

// Words of a record that is in the generation.
DocumentWords words_of(const TextIndex& index, const Generation& generation, RecordNo r);
// Reserves what the plan's commit appends and buries: one append per put, one burial per version that is replaced or removed, in the
// order of the changes. Throws OUT_OF_MEMORY.
void reserve_words(WritePlan& plan, int threads);

}  // namespace sagedb
