// Exact nearest neighbors by brute force, written apart from the engine's kernels so that a bug there cannot hide.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"
#include "support/matrix.h"

namespace sagedb::bench {

// queries.rows x k row numbers, nearest first, ties by row number. cosine normalises copies of both sides. Candidates are found in
// single precision and ordered in double precision.
std::vector<std::int32_t> exact_neighbors(const Matrix& base, const Matrix& queries, std::size_t k, Metric metric,
                                          int threads);

// Mean share of the first k of `truth` (truth_k per query) among the first k of `found` (found_k per query, padded with -1).
double recall_at(std::size_t k, const std::vector<std::int32_t>& truth, std::size_t truth_k,
                 const std::vector<std::int32_t>& found, std::size_t found_k);

}  // namespace sagedb::bench
