// From a filter to what a snapshot can see of it.
#pragma once

#include <vector>

#include "engine/snapshot.h"
#include "filter/filter.h"

namespace sagedb {

// Bitmap over rows [0, snapshot.row_count) of live items that match; `count` set bits.
struct RowSet {
  std::vector<std::uint64_t> words;
  Row count = 0;
};
RowSet matching_rows(const Snapshot& snapshot, const Filter& filter);
// Those that have a vector in the space.
RowSet with_vectors(const Snapshot& snapshot, SpaceNo space, const RowSet& rows);

// Live records that match, ascending; a null filter matches all.
std::vector<RecordNo> matching_records(const Snapshot& snapshot, const Filter* filter);
std::uint64_t count_matches(const Snapshot& snapshot, const Filter* filter);

}  // namespace sagedb
