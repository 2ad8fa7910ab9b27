// Neighbor selection of HNSW (Malkov & Yashunin 2018, algorithm 4): a candidate becomes a neighbor unless it is nearer to one already
// selected than to the node itself.
#pragma once

#include <algorithm>
#include <cstdint>

#include "index/candidate_pool.h"
#include "index/node_space.h"

namespace sagedb {

inline constexpr std::size_t kMaxLinks = 128;  // 2M at the largest M

// `sorted`: candidates nearest first, node numbers unique, the node itself not among them. `keep(node)`: candidates that are selected
// whatever the heuristic says; there are at most `limit`. row_of(node) gives the row behind a node. Returns how many
// were written to `out` (at most `limit`), nearest first.
// An exact duplicate of a selected candidate is never selected: 10,000 equal vectors do not fill each other's lists.
template <typename Nodes, typename Keep, typename RowOf>
std::size_t select_neighbors(const Nodes& nodes, const CandidateKey* sorted, std::size_t count, std::size_t limit,
                             Keep&& keep, RowOf&& row_of, ProbeBuffer& buffer, std::uint32_t* out) {
  constexpr std::size_t kChunk = 8;  // distances per kernel call: most rejections come from the first few
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) kept += keep(node_of(sorted[i])) ? 1 : 0;
  std::size_t free = limit - std::min(limit, kept);
  Row rows[kMaxLinks];
  DistanceKey distances[kChunk];
  std::size_t selected = 0;
  for (std::size_t i = 0; i < count && selected < limit; ++i) {
    const std::uint32_t node = node_of(sorted[i]);
    const Row row = row_of(node);
    if (!keep(node)) {
      if (free == 0) continue;
      const DistanceKey own = distance_of(sorted[i]);
      const auto measure = nodes.probe(row, buffer);
      const DistanceKey zero = Nodes::Measure::kExact ? key_of(0.0f) : 0;
      bool occluded = false;
      for (std::size_t j = 0; j < selected && !occluded; j += kChunk) {
        const std::size_t n = std::min(kChunk, selected - j);
        measure.many(rows + j, n, distances);
        for (std::size_t m = 0; m < n; ++m) occluded |= distances[m] < own || distances[m] <= zero;
      }
      if (occluded) continue;
      --free;
    }
    rows[selected] = row;
    out[selected++] = node;
  }
  return selected;
}

}  // namespace sagedb
