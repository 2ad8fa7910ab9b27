// Re-ranking: candidates found by code distance are measured on full precision until no further one can enter the best k.
//
// Thread safety: pure function of its inputs.
#pragma once

#include <cstddef>
#include <vector>

#include "index/index.h"

namespace sagedb {

// `candidates`: by code distance (Query::code_distance), in any order. On return: the best min(k, candidates) by exact distance and up to
// `ties` more that are as near as the last of them, nearest first, ties by row, with exact distances. Stops early only where the remaining candidates' code distances, less a margin
// estimated from this query's own differences between exact and code distance, cannot reach the k-th exact distance: a larger ef
// always finds more. Returns how many candidates were measured.
std::size_t rerank(const SpaceView& space, const Query& query, std::size_t k, std::vector<Candidate>& candidates,
                   std::size_t ties = 0);

}  // namespace sagedb
