// Compaction of a graph: dead nodes are cut out, lists that lost neighbors are repaired, rows are renumbered.
#pragma once

#include <memory>

#include "index/graph_index.h"

namespace sagedb {

// See AnnsAlgorithm::compact. Rows of the remap beyond the graph are inserted.
std::shared_ptr<const Index> compact_graph(const IndexConfig& config, const SpaceView& space, const GraphData& graph,
                                           const RowRemap& remap, const BuildContext& context);

}  // namespace sagedb
