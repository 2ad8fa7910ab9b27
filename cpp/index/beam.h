// Best-first traversal of one level: the loop that every search and every insertion runs.
//
// Each step takes the nearest few unchecked candidates, gathers all neighbors not seen before, measures them with one kernel call
// (which prefetches across the whole batch), and inserts those that are near enough. Expanding several candidates per step costs a
// few more distances and hides the memory latency of their link rows and codes.
//
// Thread safety: the graph may be written by a builder meanwhile (relaxed link loads); scratch belongs to the caller.
#pragma once

#include <cstdint>

#include "index/graph_data.h"
#include "index/measure.h"
#include "index/search_scratch.h"

namespace sagedb {

// Candidates expanded per step by a search for `ef`: wider steps hide more latency, narrower ones waste fewer distances.
constexpr std::uint32_t beam_breadth(std::uint32_t ef) noexcept { return ef < 48 ? 2 : 3; }

// What happens to measured candidates that the pool does not keep.
enum class Overflow : std::uint8_t { drop, keep };

// Offers nodes whose distances stand in the scratch to its pool, and requests the lists of those that enter.
template <Overflow kOverflow, typename Level>
inline void offer(const Level& level, SearchScratch& s, const std::uint32_t* nodes, std::size_t count) {
  std::size_t entered;
  if constexpr (kOverflow == Overflow::keep) {
    entered = s.pool.offer(s.distances(), nodes, count, s.entered(), s.overflow);
  } else {
    entered = s.pool.offer(s.distances(), nodes, count, s.entered());
  }
  for (std::size_t i = 0; i < entered; ++i) level.prefetch(s.entered()[i]);
}

// Measures rows, those beyond `bound` only as far as it takes to see it where the measure can stop early.
template <typename Measure>
void measure_within(const Measure& measure, const Row* rows, std::size_t count, const EarlyStop& stop,
                    DistanceKey bound, DistanceKey* out) {
  if constexpr (Measure::kStops) {
    measure.many_within(rows, count, stop, bound, out);
  } else {
    measure.many(rows, count, out);
  }
}

// The early stop that this search may use: none when its distances to the neighbors of `start` lie in the first bytes more than those
// among rows do, as with a query unlike everything stored. What is measured here is what the first step needs next.
template <typename Measure>
EarlyStop stop_for(const Measure& measure, const BaseLevelView& level, Row start, const EarlyStop& stop) {
  if constexpr (Measure::kStops) {
    if (stop.bytes == 0) return stop;
    constexpr std::size_t kSome = 16;
    Row rows[kSome] = {};
    DistanceKey whole[kSome], part[kSome];
    std::size_t count = 0;
    const Row* links = level.links(start);
    for (std::size_t i = 0; i < std::min<std::size_t>(level.width(), kSome); ++i) {
      const Row r = load_link(links + i);
      if (r >= level.rows) break;
      rows[count++] = r;
    }
    measure.many(rows, count, whole);
    measure.first(rows, count, stop.bytes, part);
    std::uint64_t all = 0, first = 0;
    for (std::size_t i = 0; i < count; ++i) all += whole[i], first += part[i];
    if (static_cast<double>(first) <= stop.share * static_cast<double>(all)) return stop;
  }
  return EarlyStop();
}

// Measures the nodes seen since `first` and offers them to the pool.
template <Overflow kOverflow, typename Measure, typename Level>
void measure_seen(const Measure& measure, const Level& level, const EarlyStop& stop, SearchScratch& s,
                  std::size_t first) {
  const std::size_t count = s.seen_count() - first;
  const std::uint32_t* nodes = s.seen() + first;
  if (s.rows.size() < count) s.rows.resize(count);
  const Row* rows = level.rows_of(nodes, count, s.rows.data());
  if constexpr (kOverflow == Overflow::drop) {
    measure_within(measure, rows, count, stop, s.pool.bound(), s.distances());
  } else {
    measure.many(rows, count, s.distances());
  }
  offer<kOverflow>(level, s, nodes, count);
}

// Puts a start node into the pool.
template <typename Measure, typename Level>
void start_beam(const Measure& measure, const Level& level, SearchScratch& s, std::uint32_t node) {
  if (s.visited(node)) return;
  s.reserve(1);
  const std::size_t first = s.seen_count();
  s.gather(node);
  measure_seen<Overflow::drop>(measure, level, EarlyStop(), s, first);
}

// Runs until every candidate of the pool is checked, or done() after a step. `breadth` candidates are expanded per step.
template <Overflow kOverflow, typename Measure, typename Level, typename Done>
void run_beam_until(const Measure& measure, const Level& level, const EarlyStop& stop, SearchScratch& s,
                    std::uint32_t breadth, SearchCounters* counters, Done&& done) {
  const std::uint32_t width = level.width();
  const std::uint32_t node_count = level.nodes();
  std::uint64_t expanded = 0;
  const std::size_t seen_before = s.seen_count();
  for (;;) {
    s.reserve(std::size_t{breadth} * width);
    const std::size_t first = s.seen_count();
    std::uint32_t taken = 0;
    for (std::uint32_t node; taken < breadth && s.pool.next(&node); ++taken) {
      const std::uint32_t* links = level.links(node);
      for (std::uint32_t i = 0; i < width; ++i) {
        const std::uint32_t neighbor = load_link(links + i);
        if (neighbor >= node_count) break;  // kNoRow, or damage
        s.gather(neighbor);
      }
    }
    if (taken == 0) break;
    expanded += taken;
    if (s.seen_count() > first) measure_seen<kOverflow>(measure, level, stop, s, first);
    if (done()) break;
  }
  if (counters != nullptr) {
    counters->visited += expanded;
    counters->distances += s.seen_count() - seen_before;
  }
}

template <Overflow kOverflow, typename Measure, typename Level>
void run_beam(const Measure& measure, const Level& level, const EarlyStop& stop, SearchScratch& s,
              std::uint32_t breadth, SearchCounters* counters) {
  run_beam_until<kOverflow>(measure, level, stop, s, breadth, counters, [] { return false; });
}

// Walks one upper level to a local minimum. `node` and `nearest` are in-out; returns how many distances were measured.
template <typename Measure>
std::uint64_t descend_level(const Measure& measure, const UpperLevelView& level, const EarlyStop& stop,
                            std::uint32_t* node, DistanceKey* nearest) {
  Row rows[kMeasureBatch];
  std::uint32_t nodes[kMeasureBatch];
  DistanceKey distances[kMeasureBatch];
  std::uint64_t measured = 0;
  for (bool moved = true; moved;) {
    moved = false;
    const std::uint32_t* links = level.links(*node);
    std::size_t count = 0;
    const std::size_t width = std::min<std::size_t>(level.width(), kMeasureBatch);
    for (std::size_t i = 0; i < width; ++i) {
      const std::uint32_t neighbor = load_link(links + i);
      if (neighbor >= level.nodes()) break;
      nodes[count++] = neighbor;
    }
    measure_within(measure, level.rows_of(nodes, count, rows), count, stop, *nearest, distances);
    measured += count;
    for (std::size_t i = 0; i < count; ++i) {
      if (distances[i] < *nearest) *nearest = distances[i], *node = nodes[i], moved = true;
    }
  }
  return measured;
}

// Greedy descent from the entry to `to_level`; returns the node number on that level.
template <typename Measure>
std::uint32_t descend(const Measure& measure, const GraphData& graph, int top, int to_level, SearchCounters* counters) {
  if (top == 0) return graph.entry;
  std::uint32_t node = 0;  // the entry is node 0 of the top level
  DistanceKey nearest = measure_one(measure, graph.entry);
  std::uint64_t measured = 1;
  for (int l = top; l > to_level; --l) {
    const UpperLevel& level = graph.upper[static_cast<std::size_t>(l) - 1];
    measured += descend_level(measure, UpperLevelView{&level, graph.M}, graph.stop, &node, &nearest);
    node = level.down[node];
  }
  if (counters != nullptr) counters->distances += measured;
  return node;
}

}  // namespace sagedb
