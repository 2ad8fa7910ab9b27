// Several ranked lists of one search as one.
//
// Thread safety: pure functions.
#pragma once

#include <vector>

#include "engine/result_merger.h"

namespace sagedb {

// Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009): sum of 1 / (60 + rank) over the lists that have the record.
std::vector<ScoredRecord> fuse_ranks(const std::vector<std::vector<ScoredRecord>>& lists);

// What one side of a search says of some records, larger is better.
struct SideScores {
  std::vector<float> scores;  // one per record; NaN: nothing, which counts as 0
  double weight = 0;
  bool from_least = true;  // scaled to 0 … 1 between the least and the greatest of them; otherwise by the greatest
};
// Weighted sum of the scaled scores.
std::vector<ScoredRecord> fuse_scores(const std::vector<RecordNo>& records, const std::vector<SideScores>& sides);

// The records of the lists, each once, ascending.
std::vector<RecordNo> records_of(const std::vector<std::vector<ScoredRecord>>& lists);

// Best first, ties by id.
void sort_best_first(const RecordStore& records, std::vector<ScoredRecord>* list);

}  // namespace sagedb
