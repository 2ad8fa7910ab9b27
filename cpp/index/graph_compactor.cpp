#include "index/graph_compactor.h"

#include <algorithm>
#include <vector>

#include "base/executor.h"
#include "base/status.h"
#include "index/early_stop.h"
#include "index/graph_builder.h"
#include "index/graph_repair.h"

namespace sagedb {
namespace {

// When more than this share of the rows is gone, building anew costs less than repairing and gives a better graph.
constexpr double kRebuildShare = 0.5;

// Old node -> new node of one level; kNoRow for dead ones.
using NodeMap = std::vector<std::uint32_t>;

// Renumbers lists; those that lost neighbors get the best of what the dead ones linked to.
template <typename Nodes>
class LinkCutter {
 public:
  explicit LinkCutter(const Nodes& nodes) : nodes_(nodes) {}

  struct Work {
    ProbeBuffer probe;
    std::vector<std::uint32_t> found;
    std::vector<Row> rows;
    std::vector<DistanceKey> distances;
    std::vector<CandidateKey> sorted;
  };

  // Writes the list of old node `node` to `out` (`limit` slots) in new numbers. Returns whether it had lost neighbors.
  template <typename LinksOf, typename RowOf>
  bool cut(std::uint32_t node, std::uint32_t limit, const NodeMap& map, LinksOf&& links_of, RowOf&& row_of, Work& w,
           std::uint32_t* out) const {
    w.found.clear();
    const bool lost = collect(node, limit, map, links_of, 0, w);
    std::size_t count = w.found.size();
    if (lost) {
      sort_unique(w.found);
      w.found.erase(std::remove(w.found.begin(), w.found.end(), node), w.found.end());
      count = select(node, limit, row_of, w);
    }
    for (std::uint32_t i = 0; i < limit; ++i) out[i] = i < count ? map[w.found[i]] : kNoRow;
    return lost;
  }

 private:
  // Living neighbors of `node`; those of its dead neighbors too, and of their dead neighbors, two steps deep.
  template <typename LinksOf>
  bool collect(std::uint32_t node, std::uint32_t limit, const NodeMap& map, LinksOf&& links_of, int depth,
               Work& w) const {
    bool lost = false;
    const std::uint32_t* links = links_of(node);
    for (std::uint32_t i = 0; i < limit && links[i] != kNoRow; ++i) {
      if (map[links[i]] != kNoRow) {
        w.found.push_back(links[i]);
      } else {
        lost = true;
        if (depth < 2 && w.found.size() < kEnough) collect(links[i], limit, map, links_of, depth + 1, w);
      }
    }
    return lost;
  }
  template <typename RowOf>
  std::size_t select(std::uint32_t node, std::uint32_t limit, RowOf&& row_of, Work& w) const {
    const std::size_t count = w.found.size();
    w.rows.resize(count);
    w.distances.resize(count);
    w.sorted.resize(count);
    for (std::size_t i = 0; i < count; ++i) w.rows[i] = row_of(w.found[i]);
    nodes_.probe(row_of(node), w.probe).many(w.rows.data(), count, w.distances.data());
    for (std::size_t i = 0; i < count; ++i) w.sorted[i] = candidate_key(w.distances[i], w.found[i]);
    std::sort(w.sorted.begin(), w.sorted.end());
    w.found.resize(limit);
    return select_neighbors(
        nodes_, w.sorted.data(), count, limit, [](std::uint32_t) { return false; }, row_of, w.probe, w.found.data());
  }

  static constexpr std::size_t kEnough = 192;  // candidates: about what a search with the usual ef_construction offers
  const Nodes nodes_;
};

// The graph without its dead rows; parents are not set yet.
template <typename Nodes>
class GraphCutter {
 public:
  GraphCutter(const GraphData& old, const SpaceView& space, const Nodes& nodes, const RowRemap& remap,
              const BuildContext& context)
      : old_(old), context_(context), cutter_(nodes), work_(static_cast<std::size_t>(std::max(1, context.threads))) {
    map_.assign(remap.new_row.begin(), remap.new_row.begin() + static_cast<std::ptrdiff_t>(old.rows));
    for (Row r = 0; r < old.rows; ++r) {
      if (map_[r] == kNoRow) continue;
      ++alive_;
      if (!space.has(r)) {
        ++absent_;
      } else if (first_node_ == kNoRow) {
        first_node_ = map_[r];
      }
    }
  }

  // `damaged` receives the new numbers of rows whose lists lost neighbors.
  GraphData cut(std::vector<Row>* damaged) {
    GraphData graph(old_.M);
    graph.rows = alive_;
    graph.base.reset(alive_);
    graph.base.clear(0, alive_);
    cut_base(graph, damaged);
    NodeMap below = map_;
    for (std::size_t l = 0; l < old_.upper.size(); ++l) {
      below = cut_upper(old_.upper[l], below, graph);
      if (graph.upper.back().row.empty()) {
        graph.upper.pop_back();
        break;  // a node of a higher level is also on this one
      }
    }
    graph.absent = absent_;
    graph.entry = graph.upper.empty() ? first_node_ : graph.upper.back().row.front();
    return graph;
  }

 private:
  void cut_base(GraphData& graph, std::vector<Row>* damaged) {
    std::vector<std::vector<Row>> lost(work_.size());
    const auto links_of = [this](Row r) { return old_.base.links(r); };
    parallel_for(old_.rows, 256, context_.threads, [&](std::size_t begin, std::size_t end, int worker) {
      const auto w = static_cast<std::size_t>(worker);
      for (std::size_t i = begin; i < end; ++i) {
        check_cancelled(context_);
        const Row r = static_cast<Row>(i);
        if (map_[r] == kNoRow) continue;
        const bool changed = cutter_.cut(
            r, old_.max_links(), map_, links_of, [](Row n) { return n; }, work_[w], graph.base.links(map_[r]));
        if (changed) lost[w].push_back(map_[r]);
        if (context_.progress != nullptr) context_.progress->done.fetch_add(1, std::memory_order_relaxed);
      }
    });
    for (const auto& rows : lost) damaged->insert(damaged->end(), rows.begin(), rows.end());
    std::sort(damaged->begin(), damaged->end());
  }

  // Appends the level to `graph`; `below` maps the level under it. Returns the map of this level.
  NodeMap cut_upper(const UpperLevel& from, const NodeMap& below, GraphData& graph) {
    NodeMap map(from.row.size(), kNoRow);
    UpperLevel to;
    for (std::size_t i = 0; i < from.row.size(); ++i) {
      if (map_[from.row[i]] == kNoRow) continue;
      map[i] = static_cast<std::uint32_t>(to.row.size());
      to.row.push_back(map_[from.row[i]]);
      to.down.push_back(below[from.down[i]]);
    }
    to.links.assign(to.row.size() * old_.M, kNoRow);
    const auto links_of = [&](std::uint32_t n) { return from.links.data() + std::size_t{n} * old_.M; };
    for (std::uint32_t i = 0; i < map.size(); ++i) {
      if (map[i] == kNoRow) continue;
      cutter_.cut(
          i, old_.M, map, links_of, [&](std::uint32_t n) { return from.row[n]; }, work_[0],
          to.links.data() + std::size_t{map[i]} * old_.M);
    }
    graph.upper.push_back(std::move(to));
    return map;
  }

  const GraphData& old_;
  const BuildContext& context_;
  const LinkCutter<Nodes> cutter_;
  std::vector<typename LinkCutter<Nodes>::Work> work_;
  NodeMap map_;
  Row alive_ = 0;
  Row absent_ = 0;  // of these
  Row first_node_ = kNoRow;
};

// Parents anew: breadth first from the entry, then rows that no list leads to are found a place.
template <typename Nodes>
class TreeMaker {
 public:
  TreeMaker(GraphData& graph, NodeInserter<Nodes>& inserter, const BuildContext& context)
      : graph_(graph), inserter_(inserter), context_(context), children_(graph.rows, 0) {}

  // `nodes`: all of the graph, ascending.
  void make(const std::vector<Row>& nodes, BuildWorkspace& ws) {
    spread(graph_.entry);
    for (const Row r : nodes) {
      if (in_tree(r)) continue;
      check_cancelled(context_);
      inserter_.finder.look_around(r, inserter_.top(), ws);
      attach(r, ws);
      spread(r);
    }
  }

 private:
  bool in_tree(Row r) const noexcept { return r == graph_.entry || *graph_.base.parent(r) != kNoRow; }

  void spread(Row start) {
    queue_.assign(1, start);
    for (std::size_t i = 0; i < queue_.size(); ++i) {
      const Row r = queue_[i];
      const Row* links = graph_.base.links(r);
      for (std::uint32_t j = 0; j < graph_.max_links() && links[j] != kNoRow && children_[r] < graph_.max_children();
           ++j) {
        if (in_tree(links[j])) continue;
        *graph_.base.parent(links[j]) = r;
        ++children_[r];
        queue_.push_back(links[j]);
      }
    }
  }
  void attach(Row row, BuildWorkspace& ws) {
    Row nearest = graph_.entry;
    bool first = true;
    for (const CandidateKey key : ws.scratch.pool) {
      const Row found = node_of(key);
      if (found == row || !in_tree(found)) continue;
      if (inserter_.linker.adopt(found, row, ws.link)) return;
      if (first) nearest = found, first = false;
    }
    inserter_.find_parent_below(nearest, row, ws);
  }

  GraphData& graph_;
  NodeInserter<Nodes>& inserter_;
  const BuildContext& context_;
  std::vector<std::uint8_t> children_;
  std::vector<Row> queue_;
};

// The candidates that took the place of dead neighbors learn of it, as in an insertion.
template <typename Nodes>
void link_back(GraphData& graph, NodeInserter<Nodes>& inserter, const BuildContext& context,
               const std::vector<Row>& damaged, std::vector<BuildWorkspace>& workspaces) {
  parallel_for(damaged.size(), 64, context.threads, [&](std::size_t begin, std::size_t end, int worker) {
    for (std::size_t i = begin; i < end; ++i) {
      check_cancelled(context);
      const Row* links = graph.base.links(damaged[i]);
      for (std::uint32_t j = 0; j < graph.max_links(); ++j) {
        const Row neighbor = load_link(links + j);
        if (neighbor == kNoRow) break;
        inserter.linker.link_base(neighbor, damaged[i], workspaces[static_cast<std::size_t>(worker)].link);
      }
    }
  });
}

// Nodes whose lists became short search for neighbors again.
template <typename Nodes>
void relink_short_lists(GraphData& graph, NodeInserter<Nodes>& inserter, const BuildContext& context,
                        const std::vector<Row>& damaged, std::vector<BuildWorkspace>& workspaces) {
  const auto is_short = [](const std::uint32_t* links, std::uint32_t at_least) {
    return load_link(links + at_least - 1) == kNoRow;
  };
  for (std::size_t l = 0; l < graph.upper.size(); ++l) {
    const UpperLevel& level = graph.upper[l];
    for (std::uint32_t n = 0; n < level.row.size() && level.row.size() > 1; ++n) {
      check_cancelled(context);
      if (is_short(level.links.data() + std::size_t{n} * graph.M, graph.M / 4))
        inserter.relink_upper(n, static_cast<int>(l) + 1, workspaces[0]);
    }
  }
  parallel_for(damaged.size(), 64, context.threads, [&](std::size_t begin, std::size_t end, int worker) {
    for (std::size_t i = begin; i < end; ++i) {
      check_cancelled(context);
      if (is_short(graph.base.links(damaged[i]), graph.M * 3 / 4))
        inserter.relink_base(damaged[i], workspaces[static_cast<std::size_t>(worker)]);
    }
  });
}

std::shared_ptr<const GraphIndex> cut_graph(const IndexConfig& config, const SpaceView& space, const GraphData& old,
                                            const RowRemap& remap, const std::vector<Row>& old_row,
                                            const BuildContext& context) {
  std::vector<Row> damaged;
  GraphData graph(old.M);
  with_nodes(space, nullptr, [&](const auto& nodes) {
    graph = GraphCutter<std::decay_t<decltype(nodes)>>(old, space, nodes, remap, context).cut(&damaged);
  });
  if (graph.nodes() == 0) return std::make_shared<GraphIndex>(std::move(graph));
  with_nodes(space, old_row.data(), [&](const auto& nodes) {
    using Nodes = std::decay_t<decltype(nodes)>;
    RowLocks locks(graph.rows);
    NodeInserter<Nodes> inserter(graph, nodes, locks, config.ef_construction, static_cast<int>(graph.upper.size()), 0);
    std::vector<BuildWorkspace> workspaces(static_cast<std::size_t>(std::max(1, context.threads)));
    link_back(graph, inserter, context, damaged, workspaces);
    relink_short_lists(graph, inserter, context, damaged, workspaces);
    std::vector<Row> all;
    all.reserve(graph.nodes());
    for (Row r = 0; r < graph.rows; ++r)
      if (space.has(old_row[r])) all.push_back(r);
    TreeMaker<Nodes>(graph, inserter, context).make(all, workspaces[0]);
    graph.stop = calibrate_early_stop(graph, space, old_row.data());
    repair_rows(graph, context, inserter, all, workspaces);
  });
  return std::make_shared<GraphIndex>(std::move(graph));
}

}  // namespace

std::shared_ptr<const Index> compact_graph(const IndexConfig& config, const SpaceView& space, const GraphData& graph,
                                           const RowRemap& remap, const BuildContext& context) {
  if (remap.new_row.size() < graph.rows) throw Error(ErrorCode::INTERNAL, "compact: the map does not cover the index");
  std::vector<Row> old_row(remap.new_count, kNoRow);
  Row alive = 0;
  for (std::size_t r = 0; r < remap.new_row.size(); ++r) {
    if (remap.new_row[r] == kNoRow) continue;
    old_row[remap.new_row[r]] = static_cast<Row>(r);
    alive += r < graph.rows ? 1 : 0;
  }
  GraphBuilder builder(config, space, context, old_row.data());
  if (static_cast<double>(graph.rows - alive) > kRebuildShare * static_cast<double>(graph.rows) || alive == 0)
    return builder.grow(nullptr, remap.new_count, GraphData(config.M));
  if (context.progress != nullptr) context.progress->total.fetch_add(alive, std::memory_order_relaxed);
  const auto cut = cut_graph(config, space, graph, remap, old_row, context);
  return remap.new_count == alive ? cut : builder.grow(cut.get(), remap.new_count, GraphData(config.M));
}

}  // namespace sagedb
