// Makes rows findable after a graph was changed: each searches for itself, and those that are missed are linked more strongly.
#pragma once

#include <algorithm>
#include <vector>

#include "base/executor.h"
#include "index/node_inserter.h"

namespace sagedb {

// Pool of the search that a row makes for itself.
inline constexpr std::uint32_t kSelfSearchEf = 40;

inline void check_cancelled(const BuildContext& context) {
  if (context.cancel != nullptr) context.cancel->check();
}

inline void sort_unique(std::vector<Row>& rows) {
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
}

// Of the rows that lost links (as reported in the workspaces), those with few left.
template <typename Nodes>
std::vector<Row> weakened_rows(const NodeInserter<Nodes>& inserter, std::vector<BuildWorkspace>& workspaces) {
  constexpr int kEnough = 3;
  std::vector<Row> rows;
  for (BuildWorkspace& ws : workspaces) {
    rows.insert(rows.end(), ws.link.dropped.begin(), ws.link.dropped.end());
    ws.link.dropped.clear();
  }
  sort_unique(rows);
  const auto strong = [&](Row r) { return inserter.finder.links_back(r, kEnough) == kEnough; };
  rows.erase(std::remove_if(rows.begin(), rows.end(), strong), rows.end());
  return rows;
}

// Makes a row that a search for itself missed (which left what it found in the scratch pool) the child of the nearest row found. One
// thread only: two rows that move in the tree at once could form a cycle.
template <typename Nodes>
void attach_to_found(Row row, NodeInserter<Nodes>& inserter, BuildWorkspace& ws) {
  NodeFinder<Nodes>::take_candidates(ws, row);
  for (const CandidateKey key : ws.candidates) {
    const Row found = node_of(key);
    if (!inserter.linker.is_child(found, row) && !inserter.finder.descends_from(found, row) &&
        inserter.linker.adopt(found, row, ws.link))
      return;
  }
}

// Every row of `rows` (ascending) searches for itself; those that are missed are repaired. What remains fragile is added to
// graph.fragile, so that later growth looks at it again.
template <typename Nodes>
void repair_rows(GraphData& graph, const BuildContext& context, NodeInserter<Nodes>& inserter,
                 const std::vector<Row>& rows, std::vector<BuildWorkspace>& workspaces) {
  constexpr int kRounds = 3;
  std::vector<std::vector<Row>> missed(workspaces.size());
  parallel_for(rows.size(), 64, context.threads, [&](std::size_t begin, std::size_t end, int worker) {
    const auto w = static_cast<std::size_t>(worker);
    for (std::size_t i = begin; i < end; ++i) {
      check_cancelled(context);
      if (!inserter.finder.finds_itself(rows[i], inserter.top(), kSelfSearchEf, workspaces[w]))
        missed[w].push_back(rows[i]);
    }
  });
  for (std::size_t w = 1; w < missed.size(); ++w) missed[0].insert(missed[0].end(), missed[w].begin(), missed[w].end());
  std::sort(missed[0].begin(), missed[0].end());
  BuildWorkspace& ws = workspaces[0];
  for (const Row row : missed[0]) {
    check_cancelled(context);
    for (int round = 0; round < kRounds && !inserter.finder.finds_itself(row, inserter.top(), kSelfSearchEf, ws);
         ++round)
      if (row != graph.entry) attach_to_found(row, inserter, ws);
  }
  std::vector<Row> waiting(graph.fragile);
  std::sort(waiting.begin(), waiting.end());
  for (const Row row : rows)
    if (inserter.finder.links_back(row, 2) < 2 && !std::binary_search(waiting.begin(), waiting.end(), row))
      graph.fragile.push_back(row);
}

// Takes the next few fragile rows off the list: a turn of bounded length keeps a publication short.
inline std::vector<Row> next_fragile(GraphData& graph, std::size_t count) {
  const auto end = graph.fragile.begin() + static_cast<std::ptrdiff_t>(std::min(count, graph.fragile.size()));
  std::vector<Row> rows(graph.fragile.begin(), end);
  graph.fragile.erase(graph.fragile.begin(), end);
  return rows;
}

}  // namespace sagedb
