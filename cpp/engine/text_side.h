// The full-text side of a search over one snapshot.
//
// Thread safety: values; the snapshot must outlive them.
#pragma once

#include <vector>

#include "engine/result_merger.h"
#include "engine/row_set.h"
#include "engine/sage_db.h"
#include "engine/snapshot.h"
#include "text/text_search.h"

namespace sagedb {

class TextSide {
 public:
  // Of a snapshot that has its text index. Throws INVALID_ARGUMENT when the database has no text fields or the request does not fit them.
  TextSide(const Snapshot& snapshot, const TextRequest& request);
  // The best k among the live items that `allowed` (null: all) has, ties by id.
  std::vector<ScoredRecord> best(std::size_t k, const RowSet* allowed, Explain* explain) const;
  // By text, of these records in any order; 0 where no word occurs.
  std::vector<float> scores(const std::vector<RecordNo>& records) const;
  // Where the words stand in these records; see SearchResult::highlights.
  void highlight(const ScoredRecord* records, std::size_t count, std::vector<std::uint32_t>& out) const;

 private:
  const Snapshot& snapshot_;
  const std::vector<double> weights_;
  const TextSearch search_;
};

}  // namespace sagedb
