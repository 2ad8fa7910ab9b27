#include "index/graph_compactor.h"

#include <vector>

#include "index/graph_builder.h"

namespace sagedb {

std::shared_ptr<const Index> compact_graph(const IndexConfig& config, const SpaceView& space, const GraphData&,
                                           const RowRemap& remap, const BuildContext& context) {
  std::vector<Row> old_row(remap.new_count);
  for (std::size_t r = 0; r < remap.new_row.size(); ++r)
    if (remap.new_row[r] != kNoRow) old_row[remap.new_row[r]] = static_cast<Row>(r);
  return GraphBuilder(config, space, context, old_row.data()).grow(nullptr, remap.new_count, GraphData(config.M));
}

}  // namespace sagedb
