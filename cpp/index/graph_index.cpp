#include "index/graph_index.h"

#include <string>
#include <vector>

#include "base/status.h"
#include "index/graph_builder.h"
#include "index/graph_compactor.h"
#include "index/graph_search.h"

namespace sagedb {
namespace {

std::string at_row(const char* what, Row row) { return std::string(what) + " at row " + std::to_string(row); }

std::string verify_upper(const GraphData& g) {
  for (std::size_t l = 0; l < g.upper.size(); ++l) {
    const UpperLevel& level = g.upper[l];
    const std::size_t count = level.row.size();
    const std::string where = " on level " + std::to_string(l + 1);
    if (count == 0) return "no node" + where;
    if (level.down.size() != count || level.links.size() != count * g.M) return "array sizes differ" + where;
    for (std::size_t i = 0; i < count; ++i) {
      if (level.row[i] >= g.rows || (i > 0 && level.row[i] <= level.row[i - 1])) return "rows out of order" + where;
      const Row below = l == 0                                      ? level.down[i]
                        : level.down[i] < g.upper[l - 1].row.size() ? g.upper[l - 1].row[level.down[i]]
                                                                    : kNoRow;
      if (below != level.row[i]) return at_row("wrong down link", level.row[i]) + where;
      for (std::size_t j = 0; j < g.M; ++j) {
        const std::uint32_t neighbor = level.links[i * g.M + j];
        if (neighbor == kNoRow) break;
        if (neighbor >= count || neighbor == i) return at_row("link out of bounds", level.row[i]) + where;
      }
    }
  }
  if (!g.upper.empty() && g.upper.back().row.front() != g.entry)
    return "the entry is not the first node of the top level";
  return {};
}

bool lists(const GraphData& g, Row row, Row neighbor) {
  const Row* links = g.base.links(row);
  for (std::uint32_t i = 0; i < g.max_links() && links[i] != kNoRow; ++i)
    if (links[i] == neighbor) return true;
  return false;
}

std::string verify_base(const GraphData& g, const SpaceView& space) {
  Row absent = 0;
  for (Row r = 0; r < g.rows; ++r) {
    const Row* links = g.base.links(r);
    bool ended = false;
    for (std::uint32_t i = 0; i < g.base.width(); ++i) {
      if (links[i] == kNoRow) {
        ended = true;
      } else if (ended || i >= g.max_links()) {
        return at_row("link behind the end of the list", r);
      } else if (links[i] >= g.rows || links[i] == r || !space.has(links[i])) {
        return at_row("link out of bounds", r);
      }
    }
    const Row parent = *g.base.parent(r);
    if (!space.has(r)) {
      ++absent;
      if (links[0] != kNoRow || parent != kNoRow || r == g.entry) return at_row("a row without a vector has links", r);
      continue;
    }
    if ((parent == kNoRow) != (r == g.entry)) return at_row("wrong root of the spanning tree", r);
    if (parent != kNoRow && (parent >= g.rows || !lists(g, parent, r)))
      return at_row("parent does not list its child", r);
  }
  return absent == g.absent ? std::string() : "another number of rows without a vector";
}

std::string verify_reachable(const GraphData& g, const SpaceView& space) {
  std::vector<std::uint8_t> seen(g.rows, 0);
  std::vector<Row> queue{g.entry};
  seen[g.entry] = 1;
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const Row* links = g.base.links(queue[i]);
    for (std::uint32_t j = 0; j < g.base.width() && links[j] != kNoRow; ++j) {
      if (seen[links[j]] == 0) seen[links[j]] = 1, queue.push_back(links[j]);
    }
  }
  if (queue.size() == g.nodes()) return {};
  for (Row r = 0; r < g.rows; ++r)
    if (seen[r] == 0 && space.has(r)) return at_row("not reachable from the entry", r);
  return {};
}

}  // namespace

bool GraphIndex::search(const SpaceView& space, const Query& query, const SearchParams& params,
                        const RowSelector& selector, SearchScratch& scratch, std::vector<Candidate>& out,
                        SearchCounters* counters) const {
  try {
    return search_graph(data_, space, query, params, selector, scratch, out, counters);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::OUT_OF_MEMORY, "not enough memory to search");
  }
}

std::string GraphIndex::verify(const SpaceView& space) const {
  if (data_.nodes() == 0) return data_.entry == kNoRow ? std::string() : "an empty graph has an entry";
  if (data_.entry >= data_.rows) return "entry out of bounds";
  std::string problem = verify_upper(data_);
  if (problem.empty()) problem = verify_base(data_, space);
  if (problem.empty()) problem = verify_reachable(data_, space);
  return problem;
}

GraphData GraphIndex::recycle(std::shared_ptr<const Index> index) {
  GraphData none(16);
  if (index == nullptr || index.use_count() != 1) return none;
  const auto* graph = dynamic_cast<const GraphIndex*>(index.get());
  if (graph == nullptr) return none;
  // The caller gave up the only reference, so nothing reads these arrays any more.
  return std::move(const_cast<GraphIndex*>(graph)->data_);
}

GraphAlgorithm::GraphAlgorithm(const IndexConfig& config) : config_(config) {
  if (config.M < 4 || config.M > 64)
    throw Error(ErrorCode::INVALID_ARGUMENT, "index.M: expected 4 to 64, got " + std::to_string(config.M));
  if (config.ef_construction < 8 || config.ef_construction > 4096)
    throw Error(ErrorCode::INVALID_ARGUMENT,
                "index.efConstruction: expected 8 to 4096, got " + std::to_string(config.ef_construction));
}

std::shared_ptr<const Index> GraphAlgorithm::grow(const SpaceView& space, std::shared_ptr<const Index> base, Row rows,
                                                  std::shared_ptr<const Index> recycled,
                                                  const BuildContext& context) const {
  const auto* graph = dynamic_cast<const GraphIndex*>(base.get());
  if (graph != nullptr && rows < graph->rows())
    throw Error(ErrorCode::INTERNAL, "grow: the base covers more rows than asked for");
  GraphBuilder builder(config_, space, context);
  return builder.grow(graph, rows, GraphIndex::recycle(std::move(recycled)));
}

std::shared_ptr<const Index> GraphAlgorithm::compact(const SpaceView& space, std::shared_ptr<const Index> base,
                                                     const RowRemap& remap, const BuildContext& context) const {
  const auto* graph = dynamic_cast<const GraphIndex*>(base.get());
  if (graph == nullptr) throw Error(ErrorCode::INTERNAL, "compact: the base is not a graph");
  return compact_graph(config_, space, graph->data(), remap, context);
}

}  // namespace sagedb
