// Search of a frozen graph; see Index::search for the contract.
#pragma once

#include <vector>

#include "index/graph_data.h"
#include "index/index.h"

namespace sagedb {

bool search_graph(const GraphData& graph, const SpaceView& space, const Query& query, const SearchParams& params,
                  const RowSelector& selector, SearchScratch& scratch, std::vector<Candidate>& out,
                  SearchCounters* counters);

// Candidates expanded per step for a pool of ef: wider steps hide more latency, narrower ones waste fewer distances.
std::uint32_t beam_breadth(std::uint32_t ef) noexcept;

}  // namespace sagedb
