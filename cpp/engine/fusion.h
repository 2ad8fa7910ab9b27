// Two ranked lists of one search as one.
//
// Thread safety: pure functions.
#pragma once

#include <vector>

#include "engine/result_merger.h"

namespace sagedb {

// Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009): sum of 1 / (60 + rank) over the lists that have the record.
std::vector<ScoredRecord> fuse_ranks(const std::vector<ScoredRecord>& a, const std::vector<ScoredRecord>& b);

// `records` with a score by vector (larger is better) and by text each: the first scaled to 0 … 1 between the least and the greatest of
// these records, the second by its greatest; weighted sum.
std::vector<ScoredRecord> fuse_scores(const std::vector<RecordNo>& records, const std::vector<float>& by_vector,
                                      double vector_weight, const std::vector<float>& by_text, double text_weight);

// Best first, ties by id.
void sort_best_first(const RecordStore& records, std::vector<ScoredRecord>* list);

}  // namespace sagedb
