// Searches restricted by a filter bitmap or tombstones. Whatever the plan, a search delivers at least min(ef, accepted rows) candidates: a
// traversal that cannot deliver widens, and one that would cost more than measuring every allowed row does that instead.
#pragma once

#include <algorithm>

#include "index/beam.h"
#include "index/filter_plan.h"
#include "index/two_hop.h"

namespace sagedb {

// Fills the pool with the nearest `ef` accepted rows by measuring all of them.
template <typename Measure>
void scan_accepted(const Measure& measure, Row rows, const RowSelector& selector, std::uint32_t ef, SearchScratch& s,
                   SearchCounters* counters) {
  s.pool.reset(ef);
  s.reserve(kMeasureBatch);
  Row batch[kMeasureBatch];
  std::size_t count = 0;
  std::uint64_t measured = 0;
  const auto flush = [&] {
    measure.many(batch, count, s.distances());
    s.pool.offer(s.distances(), batch, count, s.entered());
    measured += count;
    count = 0;
  };
  for (Row first = 0; first < rows; first += 64) {
    std::uint64_t word = selector.allowed != nullptr ? load_word(selector.allowed + (first >> 6)) : ~std::uint64_t{0};
    if (rows - first < 64) word &= (std::uint64_t{1} << (rows - first)) - 1;
    for (; word != 0; word &= word - 1) {
      const Row r = first + static_cast<Row>(__builtin_ctzll(word));
      if (!selector.accepts(r)) continue;
      batch[count++] = r;
      if (count == kMeasureBatch) flush();
    }
  }
  flush();
  if (counters != nullptr) counters->distances += measured;
}

// Raises the pool's capacity and brings back the nearest of what it did not keep.
inline void widen_pool(SearchScratch& s, std::uint32_t capacity) {
  s.pool.widen(capacity);
  std::sort(s.overflow.begin(), s.overflow.end());
  const std::size_t room = capacity - s.pool.size();
  const std::size_t taken = std::min(room, s.overflow.size());
  for (std::size_t i = 0; i < taken; ++i) s.pool.append(s.overflow[i]);
  s.pool.sort();
  s.overflow.erase(s.overflow.begin(), s.overflow.begin() + static_cast<std::ptrdiff_t>(taken));
}

// Copies accepted candidates of the pool to s.accepted, nearest first, at most `most`.
inline void collect_accepted(SearchScratch& s, const RowSelector& selector, std::uint32_t most) {
  s.accepted.clear();
  for (const CandidateKey key : s.pool) {
    if (s.accepted.size() == most) break;
    if (selector.accepts(node_of(key))) s.accepted.push_back(key);
  }
}

// Counts the accepted rows among the nearest candidates that are all checked, step by step.
class AcceptedAhead {
 public:
  AcceptedAhead(const SearchScratch& s, const RowSelector& selector) noexcept : s_(s), selector_(selector) {}
  // After each step of a beam: what came before the cursor then has not changed unless the cursor went back.
  std::uint32_t count() noexcept {
    const std::uint32_t checked = s_.pool.checked();
    if (checked < counted_) counted_ = found_ = 0;
    for (; counted_ < checked; ++counted_) found_ += selector_.accepts(node_of(s_.pool[counted_])) ? 1 : 0;
    return found_;
  }

 private:
  const SearchScratch& s_;
  const RowSelector& selector_;
  std::uint32_t counted_ = 0, found_ = 0;
};

// Leaves the nearest accepted candidates in s.accepted: `ef` of them with all that lies nearer looked at, and up to `room` as they come.
template <typename Measure>
void search_restricted(const Measure& measure, const GraphData& graph, std::uint32_t start, const FilterChoice& choice,
                       const RowSelector& selector, std::uint32_t ef, std::uint32_t room, SearchScratch& s,
                       SearchCounters* counters) {
  const Row matching = selector.allowed != nullptr ? std::min(selector.allowed_count, graph.nodes()) : graph.nodes();
  const BaseLevelView level{&graph.base, graph.rows};
  if (choice.plan != FilterPlan::scan && matching > 0) {
    const bool two_hop = choice.plan == FilterPlan::two_hop;
    const double share = static_cast<double>(matching) / graph.nodes();
    const double wanted = two_hop ? ef : ef / share;
    // A little room: a pool that falls just short of ef accepted rows would have to widen.
    const auto breadth = static_cast<std::uint32_t>(std::min(wanted * 1.25 + 8, static_cast<double>(graph.rows) + 1));
    s.pool.reset(std::max(breadth, two_hop ? room : 0), breadth);
    start_beam(measure, level, s, start);
    // A traversal may cost as much as the scan that would replace it, then it gives up.
    const std::size_t budget = s.seen_count() + matching + 512;
    CandidateKey farthest = 0;
    bool hole = false;
    AcceptedAhead ahead(s, selector);
    for (;;) {
      // What the pool does not keep is kept beside it: with a filter that follows the vectors, half of the searches widen.
      if (two_hop) {
        run_two_hop(measure, level, selector, s, counters);
      } else {
        // Everything nearer than the ef-th accepted row was looked at: what a search without a filter and with this ef would do.
        run_beam_until<Overflow::keep>(measure, level, EarlyStop(), s, beam_breadth(ef), counters,
                                       [&] { return ahead.count() >= ef; });
      }
      collect_accepted(s, selector, room);
      if (s.accepted.size() >= ef) {
        // A two-hop search that at first found far too few stands at the rim of a hole of rows that are not accepted, where the first ef it
        // meets are not the nearest: it is done when widening no longer changes them.
        if (!two_hop || !hole || s.accepted[ef - 1] == farthest) return;
        farthest = s.accepted[ef - 1];
      }
      hole |= s.accepted.size() < ef / 2;
      const bool exhausted = s.overflow.empty();
      if (exhausted && !two_hop && s.seen_count() == graph.nodes()) return;  // everything was measured
      if (exhausted || s.seen_count() > budget) break;
      widen_pool(s,
                 static_cast<std::uint32_t>(std::min<std::size_t>(std::size_t{s.pool.capacity()} * 2, graph.rows + 1)));
    }
  }
  scan_accepted(measure, graph.rows, selector, room, s, counters);
  s.accepted.assign(s.pool.begin(), s.pool.end());
}

}  // namespace sagedb
