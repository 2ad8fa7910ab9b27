// A filter as plain data, parsed from the JSON text of the typed object that the caller gave. There is no query language and
// nothing is ever evaluated as code. Semantics are MongoDB's; docs/filters.md spells them out.
//
// Thread safety: immutable after parse().
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace sagedb {

class MetadataStore;
class RecordStore;

class Filter {
 public:
  virtual ~Filter() = default;
  // Throws INVALID_FILTER naming the path and operator.
  static std::shared_ptr<const Filter> parse(std::string_view json);
  // What was parsed.
  virtual std::string_view text() const noexcept = 0;
};

// Bitmap over records [0, size).
struct RecordSet {
  std::vector<std::uint64_t> words;
  RecordNo size = 0;
  bool contains(RecordNo r) const noexcept { return ((words[r >> 6] >> (r & 63)) & 1) != 0; }
};

// Records below `record_count` whose metadata matches, whether still live or not: the caller intersects with its snapshot.
// Throws OUT_OF_MEMORY, and CORRUPTION when the text of a record is damaged. Lock-free with respect to the writer: reads only what was published below record_count.
RecordSet evaluate(const Filter& filter, const MetadataStore& metadata, RecordNo record_count);

// Upper bound of the number of records below `record_count` that match, from index sizes alone (records without an index count as matches): microseconds. Throws OUT_OF_MEMORY only.
std::size_t estimate_matches(const Filter& filter, const MetadataStore& metadata, RecordNo record_count);

// Whether one published record matches; for checking a few records without a set.
// Throws CORRUPTION, OUT_OF_MEMORY.
bool matches(const Filter& filter, const MetadataStore& metadata, RecordNo r);

}  // namespace sagedb
