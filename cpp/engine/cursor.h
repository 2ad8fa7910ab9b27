// A walk over the items of one snapshot: what a caller sees does not change while it reads page after page.
//
// Thread safety: one caller at a time. Holds its snapshot, and with it a whole generation, until it is destroyed.
#pragma once

#include <memory>
#include <vector>

#include "engine/snapshot.h"

namespace sagedb {

struct Cursor {
  std::shared_ptr<const Snapshot> snapshot;
  std::vector<RecordNo> records;
  std::size_t next = 0;
};

}  // namespace sagedb
