// Builds and grows HNSW graphs. A builder is used once and hands out frozen indexes.
//
// Thread safety: none; the builder runs its own parallel regions. The base index is only read and stays searchable.
#pragma once

#include <memory>

#include "index/graph_index.h"
#include "index/graph_linker.h"

namespace sagedb {

class GraphBuilder {
 public:
  // `map` (may be null): node r of the graph stands for row map[r] of the space.
  GraphBuilder(const IndexConfig& config, const SpaceView& space, const BuildContext& context, const Row* map = nullptr)
      : config_(config), space_(space), context_(context), map_(map) {}

  // A graph over the rows of [0, rows) that have a vector: `base` (may be null) and the missing rows. `recycled` gives its buffers when they fit.
  std::shared_ptr<const GraphIndex> grow(const GraphIndex* base, Row rows, GraphData&& recycled);

 private:
  bool has(Row r) const noexcept { return space_.has(map_ == nullptr ? r : map_[r]); }
  GraphData clone(const GraphData* base, Row rows, GraphData&& recycled) const;
  template <typename Nodes>
  void insert_rows(GraphData& graph, const Nodes& nodes, Row first, int top) const;

  const IndexConfig config_;
  const SpaceView space_;
  const BuildContext context_;
  const Row* map_;
};

}  // namespace sagedb
