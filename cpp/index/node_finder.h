// Finds neighbors for a node of a graph under construction.
//
// Thread safety: as GraphData while it is built; each thread brings a workspace of its own.
#pragma once

#include <algorithm>
#include <vector>

#include "index/beam.h"
#include "index/graph_linker.h"
#include "index/neighbor_selection.h"

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
class NodeFinder {
 public:
  using Measure = typename Nodes::Measure;
  static constexpr DistanceKey kZero = Nodes::Measure::kExact ? 0x80000000u : 0;  // key of distance 0

  NodeFinder(const GraphData& graph, const Nodes& nodes, std::uint32_t ef) noexcept
      : graph_(graph), nodes_(nodes), ef_(ef) {}

  Measure probe(Row row, BuildWorkspace& ws) const { return nodes_.probe(row, ws.inserted); }

  // The node of `level` nearest to the probe by greedy descent from the entry, which is on level `top`.
  std::uint32_t approach(const Measure& measure, int top, int level) const {
    return descend(measure, graph_, top, level, nullptr);
  }
  // Leaves the nearest nodes of an upper level / of level 0 in the scratch pool.
  void search_upper(const Measure& measure, const UpperLevel& level, std::uint32_t start, BuildWorkspace& ws) const {
    search(measure, UpperLevelView{&level, graph_.M}, EarlyStop(), level.row.size(), start, ef_, ws);
  }
  void search_base(const Measure& measure, Row start, BuildWorkspace& ws) const {
    const BaseLevelView level{&graph_.base, graph_.rows};
    search(measure, level, stop_for(measure, level, start, graph_.stop), graph_.rows, start, ef_, ws);
  }
  // Leaves the rows nearest to a row in the scratch pool.
  void look_around(Row row, int top, BuildWorkspace& ws) const {
    const Measure measure = probe(row, ws);
    search_base(measure, approach(measure, top, 0), ws);
  }
  // Searches the row for itself the way queries do, with each breadth that they have: neither finds all that the other does. Stops where
  // it is met; a row that is missed leaves the nearest rows in the scratch pool.
  bool finds_itself(Row row, int top, std::uint32_t ef, BuildWorkspace& ws) const {
    const Measure measure = probe(row, ws);
    const BaseLevelView level{&graph_.base, graph_.rows};
    const Row start = approach(measure, top, 0);
    const EarlyStop stop = stop_for(measure, level, start, graph_.stop);
    for (std::uint32_t breadth = kNarrowBreadth; breadth <= kBreadth; ++breadth) {
      ws.scratch.begin(graph_.rows, ef);
      start_beam(measure, level, ws.scratch, start);
      run_beam_until<Overflow::drop>(measure, level, stop, ws.scratch, breadth, nullptr,
                                     [&] { return ws.scratch.visited(row); });
      if (!ws.scratch.visited(row) && distance_of(ws.scratch.pool[0]) > kZero) return false;
    }
    return true;
  }

  // Copies the scratch pool to ws.candidates, without one node.
  static void take_candidates(BuildWorkspace& ws, std::uint32_t except) {
    ws.candidates.clear();
    for (const CandidateKey key : ws.scratch.pool)
      if (node_of(key) != except) ws.candidates.push_back(key);
  }
  // When every candidate is a duplicate of the probe, also offers what the nearest duplicate links to: so that by induction a crowd of
  // duplicates keeps links to the outside.
  void add_outsiders(const Measure& measure, BuildWorkspace& ws) const {
    if (ws.candidates.empty() || distance_of(ws.candidates.back()) > kZero) return;
    const Row* links = graph_.base.links(node_of(ws.candidates.front()));
    for (std::uint32_t i = 0; i < graph_.max_links(); ++i) {
      const Row r = load_link(links + i);
      if (r == kNoRow) break;
      const DistanceKey d = measure_one(measure, r);
      if (d > kZero && !ws.scratch.visited(r)) ws.candidates.push_back(candidate_key(d, r));
    }
    std::sort(ws.candidates.begin(), ws.candidates.end());
  }
  // Selects up to M of ws.candidates.
  std::size_t select_upper(const UpperLevel& level, BuildWorkspace& ws, std::uint32_t* list) const {
    return select(
        ws, [&level](std::uint32_t node) { return level.row[node]; }, list);
  }
  std::size_t select_base(BuildWorkspace& ws, Row* list) const {
    return select(
        ws, [](Row r) { return r; }, list);
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
  // Whether `ancestor` is on the way from `row` to the root of the spanning tree, both ends included.
  bool descends_from(Row row, Row ancestor) const noexcept {
    for (Row r = row; r != kNoRow; r = load_link(graph_.base.parent(r)))
      if (r == ancestor) return true;
    return false;
  }

 private:
  static constexpr std::uint32_t kBreadth = 3;
  static constexpr std::uint32_t kNarrowBreadth = 2;  // the least that queries have, see beam_breadth()

  template <typename Level>
  static void search(const Measure& measure, const Level& level, const EarlyStop& stop, std::size_t nodes,
                     std::uint32_t start, std::uint32_t ef, BuildWorkspace& ws) {
    ws.scratch.begin(nodes, ef);
    start_beam(measure, level, ws.scratch, start);
    run_beam<Overflow::drop>(measure, level, stop, ws.scratch, kBreadth, nullptr);
  }
  template <typename RowOf>
  std::size_t select(BuildWorkspace& ws, RowOf&& row_of, std::uint32_t* list) const {
    const auto none = [](std::uint32_t) { return false; };
    return select_neighbors(nodes_, ws.candidates.data(), ws.candidates.size(), graph_.M, none, row_of, ws.link.probe,
                            list);
  }

  const GraphData& graph_;
  const Nodes& nodes_;
  const std::uint32_t ef_;
};

}  // namespace sagedb
