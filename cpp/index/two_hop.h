// Two-hop expansion (ACORN-1, Patel et al. 2024): only allowed rows are measured; a neighbor that is not allowed is bridged by
// looking at its neighbors. Rows with a tombstone count as allowed here, they are dropped from the result.
//
// Thread safety: the graph is frozen; scratch belongs to the caller.
#pragma once

#include "index/beam.h"
#include "index/neighbor_selection.h"

namespace sagedb {

inline bool filter_allows(const RowSelector& selector, Row r) noexcept {
  return selector.allowed == nullptr || has_bit(selector.allowed, r);
}

// Runs until every candidate of the pool is checked.
template <typename Measure>
void run_two_hop(const Measure& measure, const BaseLevelView& level, const RowSelector& selector, SearchScratch& s,
                 SearchCounters* counters) {
  const std::uint32_t width = level.width();
  const Row rows = level.rows;
  Row allowed[kMaxLinks + 16];
  std::uint64_t expanded = 0;
  std::uint64_t measured = 0;
  for (std::uint32_t node; s.pool.next(&node); ++expanded) {
    s.reserve(std::size_t{width} * (width + 1));
    if (s.rows.size() <= std::size_t{width} * (width + 1)) s.rows.resize(std::size_t{width} * (width + 1) + 1);
    const std::size_t first = s.seen_count();
    std::size_t count = 0;
    const Row* links = level.links(node);
    for (std::uint32_t i = 0; i < width; ++i) {
      const Row n = load_link(links + i);
      if (n >= rows) break;
      if (!s.visited(n) && !filter_allows(selector, n)) level.prefetch(n);
      s.gather(n);
    }
    const std::size_t direct_end = s.seen_count();
    for (std::size_t i = first; i < direct_end; ++i) {
      const Row n = s.seen()[i];
      if (filter_allows(selector, n)) {
        s.rows[count++] = n;
        continue;
      }
      // The graph is frozen, so its lists may be read as a whole.
      const std::size_t chosen = kernels().select_nodes(level.links(n), width, rows, selector.allowed, allowed);
      for (std::size_t j = 0; j < chosen; ++j) {
        const std::size_t before = s.seen_count();
        s.gather(allowed[j]);
        s.rows[count] = allowed[j];
        count += s.seen_count() - before;
      }
    }
    measure.many(s.rows.data(), count, s.distances());
    offer<Overflow::keep>(level, s, s.rows.data(), count);
    measured += count;
  }
  if (counters != nullptr) counters->visited += expanded, counters->distances += measured;
}

}  // namespace sagedb
