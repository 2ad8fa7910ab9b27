// Sorting records by metadata fields.
//
// Order of values as in MongoDB: missing and null, numbers, strings (by UTF-16 code unit), objects, arrays, booleans; objects and arrays are
// not told apart among themselves. Descending is the reverse. Ties keep the order of the records.
#pragma once

#include <string>
#include <vector>

#include "engine/snapshot.h"

namespace sagedb {

struct SortKey {
  std::string path;
  bool descending = false;
};

// Sorts `records` so that the first `wanted` are in order; the rest may be in any. Throws OUT_OF_MEMORY.
void sort_records(const Snapshot& snapshot, const std::vector<SortKey>& keys, std::size_t wanted,
                  std::vector<RecordNo>& records);

}  // namespace sagedb
