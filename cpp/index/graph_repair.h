// Makes rows findable after a graph was changed: each searches for itself, and those that are missed are linked more strongly.
#pragma once

#include <algorithm>
#include <vector>

#include "base/executor.h"
#include "index/node_inserter.h"

namespace sagedb {

// Pool of the search that a row makes for itself: smaller than what searches have, since later rows may take links away.
inline constexpr std::uint32_t kSelfCheckEf = kSelfSearchEf / 2;

inline void check_cancelled(const BuildContext& context) {
  if (context.cancel != nullptr) context.cancel->check();
}

inline void sort_unique(std::vector<Row>& rows) {
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
}

// The rows that lost links, as reported in the workspaces since this was last asked.
inline std::vector<Row> take_dropped(std::vector<BuildWorkspace>& workspaces) {
  std::vector<Row> rows;
  for (BuildWorkspace& ws : workspaces) {
    rows.insert(rows.end(), ws.link.dropped.begin(), ws.link.dropped.end());
    ws.link.dropped.clear();
  }
  sort_unique(rows);
  return rows;
}

// Of the rows that lost links, those with few left.
template <typename Nodes>
std::vector<Row> weakened_rows(const NodeInserter<Nodes>& inserter, std::vector<BuildWorkspace>& workspaces) {
  constexpr int kEnough = 3;
  std::vector<Row> rows = take_dropped(workspaces);
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

// Those of `rows` that a search for themselves misses, ascending.
template <typename Nodes>
std::vector<Row> missed_rows(const BuildContext& context, const NodeInserter<Nodes>& inserter,
                             const std::vector<Row>& rows, std::vector<BuildWorkspace>& workspaces) {
  std::vector<std::vector<Row>> missed(workspaces.size());
  parallel_for(rows.size(), 64, context.threads, [&](std::size_t begin, std::size_t end, int worker) {
    const auto w = static_cast<std::size_t>(worker);
    for (std::size_t i = begin; i < end; ++i) {
      check_cancelled(context);
      if (!inserter.finder.finds_itself(rows[i], inserter.top(), kSelfCheckEf, workspaces[w]))
        missed[w].push_back(rows[i]);
    }
  });
  for (std::size_t w = 1; w < missed.size(); ++w) missed[0].insert(missed[0].end(), missed[w].begin(), missed[w].end());
  std::sort(missed[0].begin(), missed[0].end());
  return std::move(missed[0]);
}

// Every row of `rows` (ascending) searches for itself; those that are missed are repaired. What remains fragile is added to
// graph.fragile, so that later growth looks at it again. Returns how many were missed.
template <typename Nodes>
std::size_t repair_rows(GraphData& graph, const BuildContext& context, NodeInserter<Nodes>& inserter,
                        const std::vector<Row>& rows, std::vector<BuildWorkspace>& workspaces) {
  constexpr int kSweeps = 4, kRounds = 3;
  BuildWorkspace& ws = workspaces[0];
  take_dropped(workspaces);
  inserter.linker.watch(graph.rows);
  std::vector<Row> suspects = rows;
  std::size_t first_missed = 0;
  for (int sweep = 0; sweep < kSweeps && !suspects.empty(); ++sweep) {
    const std::vector<Row> missed = missed_rows(context, inserter, suspects, workspaces);
    if (sweep == 0) first_missed = missed.size();
    for (const Row row : missed) {
      check_cancelled(context);
      for (int round = 0; round < kRounds && !inserter.finder.finds_itself(row, inserter.top(), kSelfCheckEf, ws);
           ++round)
        if (row != graph.entry) attach_to_found(row, inserter, ws);
    }
    // A list that took in a missed row may have dropped the one link by which another was found.
    suspects = take_dropped(workspaces);
    suspects.insert(suspects.end(), missed.begin(), missed.end());
    sort_unique(suspects);
  }
  std::vector<Row> waiting(graph.fragile);
  std::sort(waiting.begin(), waiting.end());
  for (const Row row : rows)
    if (inserter.finder.links_back(row, 2) < 2 && !std::binary_search(waiting.begin(), waiting.end(), row))
      graph.fragile.push_back(row);
  return first_missed;
}

// Counts inserted rows; when the graph has grown by an eighth every old row is to be checked again.
inline void note_growth(GraphData& graph, Row old, std::size_t inserted) {
  graph.old.grown += static_cast<Row>(inserted);
  // The turn goes round a longer list now.
  if (graph.old.owed > 0) graph.old.owed = static_cast<Row>(std::min<std::size_t>(old, graph.old.owed + inserted));
  if (graph.old.grown <= graph.nodes() / 8) return;
  const Row next = graph.old.next;
  graph.old = OldChecks();
  graph.old.next = next;
  graph.old.owed = old;
}

// Adds the next few of the rows below `old` in turn, `count` of those that have a vector. Returns how many rows the turn has passed.
template <typename Has>
Row append_next_old(GraphData& graph, Row old, std::size_t count, Has&& has, std::vector<Row>* rows) {
  Row passed = 0;
  for (std::size_t taken = 0; taken < count && passed < old; ++passed) {
    if (graph.old.next >= old) graph.old.next = 0;
    const Row row = graph.old.next++;
    if (!has(row)) continue;
    rows->push_back(row);
    ++taken;
  }
  return passed;
}

// Takes the rows that were passed off the turn; `mended` were missing. Mending changes lists on the way to rows far from both ends, so a turn that
// mended is followed by another one; each mends a small part of what the one before did.
inline void note_checks(GraphData& graph, Row old, Row passed, std::size_t mended) {
  constexpr int kMostTurns = 4;
  OldChecks& turn = graph.old;
  if (turn.owed == 0) return;
  turn.owed -= std::min(turn.owed, passed);
  turn.mended += static_cast<Row>(mended);
  if (turn.owed > 0 || turn.mended == 0 || turn.again == kMostTurns) return;
  turn.owed = old;
  turn.mended = 0;
  ++turn.again;
}

// Takes the next few fragile rows off the list: a turn of bounded length keeps a publication short.
inline std::vector<Row> next_fragile(GraphData& graph, std::size_t count) {
  const auto end = graph.fragile.begin() + static_cast<std::ptrdiff_t>(std::min(count, graph.fragile.size()));
  std::vector<Row> rows(graph.fragile.begin(), end);
  graph.fragile.erase(graph.fragile.begin(), end);
  return rows;
}

}  // namespace sagedb
