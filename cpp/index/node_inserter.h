// Inserts one row into a graph under construction.
//
// Thread safety: methods run on several threads at once, each with a workspace of its own, except where they say otherwise.
#pragma once

#include "index/node_finder.h"

namespace sagedb {

template <typename Nodes>
class NodeInserter {
 public:
  // `top`: the entry's level in the base. Rows below `watched` that lose links are reported in the workspaces.
  NodeInserter(GraphData& graph, const Nodes& nodes, RowLocks& locks, std::uint32_t ef, int top, Row watched) noexcept
      : finder(graph, nodes, ef), linker(graph, nodes, locks, watched), graph_(graph), top_(top) {}

  // Highest level that holds an inserted node. Rows above it are inserted by one thread, before all others.
  int top() const noexcept { return top_; }

  void insert(Row row, int level, BuildWorkspace& ws) {
    if (graph_.entry == kNoRow) {
      graph_.entry = row;
      top_ = level;
      return;
    }
    const auto measure = finder.probe(row, ws);
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

  // Searches anew for neighbors of a row that has few, and links both ways.
  void relink_base(Row row, BuildWorkspace& ws) {
    const auto measure = finder.probe(row, ws);
    finder.search_base(measure, finder.approach(measure, top_, 0), ws);
    finder.take_candidates(ws, row);
    Row list[kMaxLinks];
    const std::size_t count = finder.select_base(ws, list);
    for (std::size_t i = 0; i < count; ++i) {
      linker.link_base(row, list[i], ws.link);
      linker.link_base(list[i], row, ws.link);
    }
  }
  void relink_upper(std::uint32_t node, int l, BuildWorkspace& ws) {
    UpperLevel& level = level_at(l);
    const auto measure = finder.probe(level.row[node], ws);
    finder.search_upper(measure, level, finder.approach(measure, top_, l), ws);
    finder.take_candidates(ws, node);
    std::uint32_t list[kMaxLinks];
    const std::size_t count = finder.select_upper(level, ws, list);
    for (std::size_t i = 0; i < count; ++i) {
      linker.link_upper(level, node, list[i], ws.link);
      linker.link_upper(level, list[i], node, ws.link);
    }
  }

  // Gives a row outside of the spanning tree a parent in it: the nearest of the preferred ones and of the scratch pool with room, else a
  // row below the nearest.
  void find_parent(Row row, const Row* preferred, std::size_t count, BuildWorkspace& ws) {
    for (std::size_t i = 0; i < count; ++i)
      if (linker.adopt(preferred[i], row, ws.link)) return;
    const CandidatePool& pool = ws.scratch.pool;
    for (const CandidateKey key : pool)
      if (linker.adopt(node_of(key), row, ws.link)) return;
    find_parent_below(node_of(pool[0]), row, ws);
  }
  // All near rows are full: every branch of a finite tree ends in a row without children.
  void find_parent_below(Row start, Row row, BuildWorkspace& ws) {
    Row next = start;
    while (!linker.adopt(next, row, ws.link)) {
      const Row child = linker.first_child(next);
      if (child != kNoRow) next = child;
    }
  }

  NodeFinder<Nodes> finder;
  GraphLinker<Nodes> linker;

 private:
  UpperLevel& level_at(int l) noexcept { return graph_.upper[static_cast<std::size_t>(l) - 1]; }

  // Fills ws.lists[1..joined] and leaves the level-0 candidates in the scratch pool.
  void search_levels(const typename Nodes::Measure& measure, int joined, BuildWorkspace& ws) {
    if (ws.lists.size() <= static_cast<std::size_t>(joined)) ws.lists.resize(static_cast<std::size_t>(joined) + 1);
    std::uint32_t node = finder.approach(measure, top_, joined);
    for (int l = joined; l >= 1; --l) {
      const UpperLevel& level = level_at(l);
      finder.search_upper(measure, level, node, ws);
      finder.take_candidates(ws, kNoRow);
      auto& list = ws.lists[static_cast<std::size_t>(l)];
      list.resize(graph_.M);
      list.resize(finder.select_upper(level, ws, list.data()));
      node = level.down[node_of(ws.scratch.pool[0])];
    }
    finder.search_base(measure, node, ws);
  }

  void join_base(Row row, bool becomes_entry, const typename Nodes::Measure& measure, BuildWorkspace& ws) {
    finder.take_candidates(ws, kNoRow);
    finder.add_outsiders(measure, ws);
    Row list[kMaxLinks];
    std::size_t count = finder.select_base(ws, list);
    if (becomes_entry) {
      // The new root lists the old one as its child, whatever the distance.
      const Row old = graph_.entry;
      if (std::find(list, list + count, old) == list + count) list[count++] = old;
      linker.write_base(row, list, count);
      linker.set_parent(old, row);
    } else {
      linker.write_base(row, list, count);
      find_parent(row, list, count, ws);
    }
    for (std::size_t i = 0; i < count; ++i) linker.link_base(list[i], row, ws.link);
  }

  void join_upper(Row row, int l, BuildWorkspace& ws) {
    UpperLevel& level = level_at(l);
    const auto at = std::lower_bound(level.row.begin(), level.row.end(), row);
    const auto node = static_cast<std::uint32_t>(at - level.row.begin());
    const auto& list = ws.lists[static_cast<std::size_t>(l)];
    linker.write_upper(level, node, list.data(), list.size());
    for (const std::uint32_t neighbor : list) linker.link_upper(level, neighbor, node, ws.link);
  }

  GraphData& graph_;
  int top_;
};

}  // namespace sagedb
