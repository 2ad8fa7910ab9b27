#include "index/graph_search.h"

#include <algorithm>

#include "index/beam.h"
#include "index/filter_plan.h"
#include "index/filtered_search.h"
#include "index/measure.h"
#include "index/search_scratch.h"

namespace sagedb {
namespace {

template <typename Measure>
void search_all(const Measure& measure, const GraphData& graph, std::uint32_t start, std::uint32_t ef, SearchScratch& s,
                SearchCounters* counters) {
  const BaseLevelView level{&graph.base, graph.rows};
  const std::uint32_t breadth = beam_breadth(ef);
  const EarlyStop stop = stop_for(measure, level, start, graph.stop);
  start_beam(measure, level, s, start);
  run_beam<Overflow::drop>(measure, level, stop, s, breadth, counters);
  if (s.pool.size() < std::min<std::size_t>(ef, graph.rows)) {
    // The start reaches fewer rows than asked for; the entry reaches every row.
    start_beam(measure, level, s, graph.entry);
    run_beam<Overflow::drop>(measure, level, stop, s, breadth, counters);
  }
}

template <typename Measure>
void append_candidates(const Measure& measure, const CandidateKey* begin, const CandidateKey* end,
                       std::vector<Candidate>& out) {
  out.reserve(out.size() + static_cast<std::size_t>(end - begin));
  for (const CandidateKey* key = begin; key != end; ++key)
    out.push_back(Candidate{measure.distance(distance_of(*key)), node_of(*key)});
}

std::size_t bytes_per_distance(const SpaceView& space) {
  return space.codes != nullptr ? space.codes->stride() : space.vectors->stride();
}

}  // namespace

bool search_graph(const GraphData& graph, const SpaceView& space, const Query& query, const SearchParams& params,
                  const RowSelector& asked, SearchScratch& scratch, std::vector<Candidate>& out,
                  SearchCounters* counters) {
  if (graph.entry == kNoRow) return space.codes == nullptr;
  RowSelector selector = asked;
  if (!selector.unrestricted() && selector.allowed == nullptr && graph.absent > 0) {
    // What measures row by row must pass over those that have no vector; a traversal never meets one.
    selector.allowed = space.present;
    selector.allowed_count = graph.nodes();
  }
  const std::uint32_t ef = std::min(std::max(params.ef, 1u), graph.rows);
  const std::uint32_t room = std::min(std::max(params.k, ef), graph.rows);  // how many candidates are kept
  return with_query_measure(space, query, [&](const auto& measure) {
    FilterChoice choice;
    if (!selector.unrestricted()) {
      const Row allowed = selector.allowed != nullptr ? selector.allowed_count : graph.nodes();
      choice = choose_filter_plan({graph.nodes(), allowed, ef, graph.M, bytes_per_distance(space)});
    }
    if (counters != nullptr) counters->plan = choice.plan;
    scratch.begin(graph.rows, room);
    const int top = static_cast<int>(graph.upper.size());
    const std::uint32_t start =
        choice.plan == FilterPlan::scan ? graph.entry : descend(measure, graph, top, 0, counters);
    if (choice.plan == FilterPlan::none) {
      scratch.pool.reset(room, ef);
      search_all(measure, graph, start, room, scratch, counters);
      append_candidates(measure, scratch.pool.begin(), scratch.pool.end(), out);
    } else {
      search_restricted(measure, graph, start, choice, selector, ef, room, scratch, counters);
      append_candidates(measure, scratch.accepted.data(), scratch.accepted.data() + scratch.accepted.size(), out);
    }
    return std::decay_t<decltype(measure)>::kExact;
  });
}

}  // namespace sagedb
