// Search of a frozen graph; see Index::search for the contract.
#pragma once

#include <vector>

#include "index/graph_data.h"
#include "index/index.h"

namespace sagedb {

bool search_graph(const GraphData& graph, const SpaceView& space, const Query& query, const SearchParams& params,
                  const RowSelector& selector, SearchScratch& scratch, std::vector<Candidate>& out,
                  SearchCounters* counters);

}  // namespace sagedb
