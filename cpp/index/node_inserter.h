// Inserts one row into a graph under construction.
//
// Thread safety: insert() runs on several threads at once, each with a workspace of its own, except where it says otherwise.
#pragma once

#include <vector>

#include "index/beam.h"
#include "index/graph_linker.h"

namespace sagedb {

// What one builder thread works with.
struct BuildWorkspace {
  SearchScratch scratch;
  ProbeBuffer inserted;  // probe of the row being inserted
  LinkWork link;
  std::vector<CandidateKey> candidates;
  std::vector<std::vector<std::uint32_t>> lists;  // neighbors found per level
};

template <typename Nodes>
class NodeInserter {
 public:
  NodeInserter(GraphData& graph, const Nodes& nodes, RowLocks& locks, std::uint32_t ef, Row watched = 0) noexcept
      : graph_(graph), nodes_(nodes), linker_(graph, nodes, locks, watched), ef_(ef) {}

  // Highest level that holds an inserted node. Rows above it are inserted by one thread, before all others.
  int top() const noexcept { return top_; }
  void set_top(int top) noexcept { top_ = top; }

  void insert(Row row, int level, BuildWorkspace& ws) {
    if (graph_.entry == kNoRow) {
      graph_.entry = row;
      top_ = level;
      return;
    }
    const auto measure = nodes_.probe(row, ws.inserted);
    const int joined = std::min(level, top_);
    search_levels(measure, joined, ws);
    // From the bottom up: whoever meets the row on a level finds it linked on all levels below.
    join_base(row, level > top_, measure, ws);
    for (int l = 1; l <= joined; ++l) join_upper(row, l, ws);
    if (level > top_) {
      graph_.entry = row;
      top_ = level;
    }
  }

  // Searches the row for itself the way a query would. Leaves the nearest candidates in the scratch pool.
  bool finds_itself(Row row, std::uint32_t ef, BuildWorkspace& ws) const {
    const auto measure = nodes_.probe(row, ws.inserted);
    const std::uint32_t start = descend(measure, graph_, top_, 0, nullptr);
    const BaseLevelView level{&graph_.base};
    ws.scratch.begin(graph_.rows, ef);
    start_beam(measure, level, ws.scratch, start);
    run_beam<Overflow::drop>(measure, level, ws.scratch, kBreadth, nullptr);
    const DistanceKey zero = Nodes::Measure::kExact ? key_of(0.0f) : 0;
    return ws.scratch.visited(row) || distance_of(ws.scratch.pool[0]) <= zero;
  }

  // How many of the rows that a row links to link back, counted up to `enough`.
  int links_back(Row row, int enough) const noexcept {
    int back = 0;
    const Row* links = graph_.base.links(row);
    for (std::uint32_t i = 0; i < graph_.max_links() && links[i] != kNoRow && back < enough; ++i) {
      const Row* reverse = graph_.base.links(links[i]);
      for (std::uint32_t j = 0; j < graph_.max_links() && reverse[j] != kNoRow; ++j) back += reverse[j] == row ? 1 : 0;
    }
    return back;
  }

  // Makes a row that a search for itself missed the child of the nearest row that the search did find. One thread only.
  void attach_to_found(Row row, BuildWorkspace& ws) {
    ws.candidates.assign(ws.scratch.pool.begin(), ws.scratch.pool.end());
    for (const CandidateKey key : ws.candidates) {
      const Row found = node_of(key);
      if (!linker_.is_child(found, row) && !descends_from(found, row) && linker_.adopt(found, row, ws.link)) return;
    }
  }

  // Gives a row a parent: the nearest of the scratch pool with room, else a row below the nearest.
  void find_parent(Row row, const std::uint32_t* preferred, std::size_t count, BuildWorkspace& ws) {
    for (std::size_t i = 0; i < count; ++i)
      if (linker_.adopt(preferred[i], row, ws.link)) return;
    const CandidatePool& pool = ws.scratch.pool;
    for (const CandidateKey key : pool)
      if (linker_.adopt(node_of(key), row, ws.link)) return;
    // All are full. Every branch of a finite tree ends in a row without children.
    Row next = node_of(pool[0]);
    while (!linker_.adopt(next, row, ws.link)) {
      const Row child = linker_.first_child(next);
      if (child != kNoRow) next = child;
    }
  }

  GraphLinker<Nodes>& linker() noexcept { return linker_; }

 private:
  static constexpr std::uint32_t kBreadth = 3;

  bool descends_from(Row row, Row ancestor) const noexcept {
    for (Row r = row; r != kNoRow; r = load_link(graph_.base.parent(r)))
      if (r == ancestor) return true;
    return false;
  }

  // Fills ws.lists[1..joined] and leaves the level-0 candidates in the scratch pool.
  void search_levels(const typename Nodes::Measure& measure, int joined, BuildWorkspace& ws) {
    if (ws.lists.size() <= static_cast<std::size_t>(joined)) ws.lists.resize(static_cast<std::size_t>(joined) + 1);
    std::uint32_t node = descend(measure, graph_, top_, joined, nullptr);
    for (int l = joined; l >= 1; --l) {
      const UpperLevel& level = graph_.upper[static_cast<std::size_t>(l) - 1];
      const UpperLevelView view{&level, graph_.M};
      ws.scratch.begin(level.row.size(), ef_);
      start_beam(measure, view, ws.scratch, node);
      run_beam<Overflow::drop>(measure, view, ws.scratch, kBreadth, nullptr);
      auto& list = ws.lists[static_cast<std::size_t>(l)];
      list.resize(graph_.M);
      const CandidatePool& pool = ws.scratch.pool;
      const auto row_of = [&level](std::uint32_t n) { return level.row[n]; };
      list.resize(select_neighbors(
          nodes_, pool.begin(), pool.size(), graph_.M, [](std::uint32_t) { return false; }, row_of, ws.link.probe,
          list.data()));
      node = level.down[node_of(pool[0])];
    }
    const BaseLevelView view{&graph_.base};
    ws.scratch.begin(graph_.rows, ef_);
    start_beam(measure, view, ws.scratch, node);
    run_beam<Overflow::drop>(measure, view, ws.scratch, kBreadth, nullptr);
  }

  // When every candidate is a duplicate of the row, also offers what the nearest duplicate links to: so that by induction a crowd
  // of duplicates keeps links to the outside.
  void add_outsiders(const typename Nodes::Measure& measure, BuildWorkspace& ws) {
    const DistanceKey zero = Nodes::Measure::kExact ? key_of(0.0f) : 0;
    if (distance_of(ws.candidates.back()) > zero) return;
    const Row* links = graph_.base.links(node_of(ws.candidates.front()));
    for (std::uint32_t i = 0; i < graph_.max_links(); ++i) {
      const Row r = load_link(links + i);
      if (r == kNoRow) break;
      const DistanceKey d = measure_one(measure, r);
      if (d > zero && !ws.scratch.visited(r)) ws.candidates.push_back(candidate_key(d, r));
    }
    std::sort(ws.candidates.begin(), ws.candidates.end());
  }

  void join_base(Row row, bool becomes_entry, const typename Nodes::Measure& measure, BuildWorkspace& ws) {
    ws.candidates.assign(ws.scratch.pool.begin(), ws.scratch.pool.end());
    add_outsiders(measure, ws);
    std::uint32_t list[kMaxLinks];
    const auto row_of = [](Row r) { return r; };
    std::size_t count = select_neighbors(
        nodes_, ws.candidates.data(), ws.candidates.size(), graph_.M, [](Row) { return false; }, row_of, ws.link.probe,
        list);
    if (becomes_entry) {
      // The new root lists the old one as its child, whatever the distance.
      const Row old = graph_.entry;
      if (std::find(list, list + count, old) == list + count) list[count++] = old;
      linker_.write_base(row, list, count);
      store_link(graph_.base.parent(old), row);
    } else {
      linker_.write_base(row, list, count);
      find_parent(row, list, count, ws);
    }
    for (std::size_t i = 0; i < count; ++i) linker_.link_base(list[i], row, ws.link);
  }

  void join_upper(Row row, int l, BuildWorkspace& ws) {
    UpperLevel& level = graph_.upper[static_cast<std::size_t>(l) - 1];
    const auto at = std::lower_bound(level.row.begin(), level.row.end(), row);
    const auto node = static_cast<std::uint32_t>(at - level.row.begin());
    const auto& list = ws.lists[static_cast<std::size_t>(l)];
    linker_.write_upper(level, node, list.data(), list.size());
    for (const std::uint32_t neighbor : list) linker_.link_upper(level, neighbor, node, ws.link);
  }

  GraphData& graph_;
  const Nodes& nodes_;
  GraphLinker<Nodes> linker_;
  const std::uint32_t ef_;
  int top_ = 0;
};

}  // namespace sagedb
