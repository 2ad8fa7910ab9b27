#include "index/graph_builder.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "base/executor.h"
#include "base/status.h"
#include "index/node_inserter.h"

namespace sagedb {
namespace {

// Rows inserted by one thread before the others join: in a nearly empty graph parallel insertions would not see each other.
constexpr Row kSequentialRows = 256;
// Pool of the search that every new row makes for itself.
constexpr std::uint32_t kSelfSearchEf = 40;
constexpr int kRepairRounds = 3;

struct Insertion {
  Row row;
  int level;
};

// Rows [first, rows) with their levels, highest level first: the upper levels are complete before the bulk descends through them, and
// whoever raises the top comes before everyone else.
std::vector<Insertion> insertion_order(const IndexConfig& config, Row first, Row rows) {
  std::vector<Insertion> order;
  order.reserve(rows - first);
  for (Row r = first; r < rows; ++r) order.push_back({r, draw_level(config.seed, r, config.M)});
  std::stable_sort(order.begin(), order.end(),
                   [](const Insertion& a, const Insertion& b) { return a.level > b.level; });
  return order;
}

void add_upper_nodes(GraphData& graph, Row row, int level) {
  if (graph.upper.size() < static_cast<std::size_t>(level)) graph.upper.resize(static_cast<std::size_t>(level));
  std::uint32_t below = row;
  for (int l = 1; l <= level; ++l) {
    UpperLevel& u = graph.upper[static_cast<std::size_t>(l) - 1];
    const auto node = static_cast<std::uint32_t>(u.row.size());
    u.row.push_back(row);
    u.down.push_back(below);
    u.links.resize(u.links.size() + graph.M, kNoRow);
    below = node;
  }
}

void check(const BuildContext& context) {
  if (context.cancel != nullptr) context.cancel->check();
}

// What to check after the rows of `order` were inserted: these, rows of the base that lost links to them and have few left, and some
// of those that were fragile before. The last are taken in turn so that a publication stays short.
template <typename Nodes>
std::vector<Row> rows_to_check(GraphData& graph, const NodeInserter<Nodes>& inserter,
                               const std::vector<Insertion>& order, const std::vector<BuildWorkspace>& workspaces) {
  constexpr int kEnough = 3;
  std::vector<Row> rows;
  for (const BuildWorkspace& ws : workspaces) rows.insert(rows.end(), ws.link.dropped.begin(), ws.link.dropped.end());
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  rows.erase(
      std::remove_if(rows.begin(), rows.end(), [&](Row r) { return inserter.links_back(r, kEnough) == kEnough; }),
      rows.end());
  const std::size_t turn = std::min(graph.fragile.size(), 1000 + 2 * order.size());
  const auto turn_end = graph.fragile.begin() + static_cast<std::ptrdiff_t>(turn);
  rows.insert(rows.end(), graph.fragile.begin(), turn_end);
  graph.fragile.erase(graph.fragile.begin(), turn_end);
  for (const Insertion& i : order) rows.push_back(i.row);
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

// Every row in `rows` searches for itself; those that are missed are linked more strongly.
template <typename Nodes>
void repair_missed(const GraphData& graph, const BuildContext& context, NodeInserter<Nodes>& inserter,
                   const std::vector<Row>& rows, std::vector<BuildWorkspace>& workspaces) {
  std::vector<std::vector<Row>> missed(workspaces.size());
  parallel_for(rows.size(), 64, context.threads, [&](std::size_t begin, std::size_t end, int worker) {
    const auto w = static_cast<std::size_t>(worker);
    for (std::size_t i = begin; i < end; ++i) {
      check(context);
      if (!inserter.finds_itself(rows[i], kSelfSearchEf, workspaces[w])) missed[w].push_back(rows[i]);
    }
  });
  for (std::size_t w = 1; w < missed.size(); ++w) missed[0].insert(missed[0].end(), missed[w].begin(), missed[w].end());
  std::sort(missed[0].begin(), missed[0].end());
  for (const Row row : missed[0]) {
    check(context);
    for (int round = 0; round < kRepairRounds && !inserter.finds_itself(row, kSelfSearchEf, workspaces[0]); ++round)
      if (row != graph.entry) inserter.attach_to_found(row, workspaces[0]);
  }
}

}  // namespace

RowLocks::RowLocks(Row rows) {
  Row count = 64;
  while (count < rows && count < (1u << 16)) count *= 2;
  flags_ = std::make_unique<std::uint8_t[]>(count);
  mask_ = count - 1;
}

GraphData GraphBuilder::clone(const GraphData* base, Row rows, GraphData&& recycled) const {
  GraphData graph(config_.M);
  const Row old_rows = base != nullptr ? base->rows : 0;
  if (recycled.M == config_.M && recycled.base.capacity() >= rows) {
    graph = std::move(recycled);
    graph.upper.clear();
    graph.entry = kNoRow;
    graph.fragile.clear();
  } else {
    graph.base.reset(rows);
  }
  graph.rows = rows;
  if (base != nullptr) {
    graph.base.copy_from(base->base, old_rows, context_.threads);
    graph.upper = base->upper;
    graph.entry = base->entry;
    graph.fragile = base->fragile;
  }
  graph.base.clear(old_rows, rows);
  return graph;
}

template <typename Nodes>
void GraphBuilder::insert_rows(GraphData& graph, const Nodes& nodes, Row first, int top) const {
  const std::vector<Insertion> order = insertion_order(config_, first, graph.rows);
  RowLocks locks(graph.rows);
  NodeInserter<Nodes> inserter(graph, nodes, locks, config_.ef_construction, first);
  inserter.set_top(top);
  std::vector<BuildWorkspace> workspaces(static_cast<std::size_t>(std::max(1, context_.threads)));
  const auto insert = [&](std::size_t i, BuildWorkspace& ws) {
    check(context_);
    inserter.insert(order[i].row, order[i].level, ws);
    if (context_.progress != nullptr) context_.progress->done.fetch_add(1, std::memory_order_relaxed);
  };
  std::size_t done = 0;
  while (done < order.size() && (order[done].level > inserter.top() || first + done < kSequentialRows))
    insert(done++, workspaces[0]);
  parallel_for(order.size() - done, 16, context_.threads, [&](std::size_t begin, std::size_t end, int worker) {
    for (std::size_t i = begin; i < end; ++i) insert(done + i, workspaces[static_cast<std::size_t>(worker)]);
  });

  const std::vector<Row> checked = rows_to_check(graph, inserter, order, workspaces);
  repair_missed(graph, context_, inserter, checked, workspaces);
  std::vector<Row> waiting(graph.fragile);
  std::sort(waiting.begin(), waiting.end());
  for (const Row row : checked)
    if (inserter.links_back(row, 2) < 2 && !std::binary_search(waiting.begin(), waiting.end(), row))
      graph.fragile.push_back(row);
}

std::shared_ptr<const GraphIndex> GraphBuilder::grow(const GraphIndex* base, Row rows, GraphData&& recycled) {
  if (rows > kMaxGraphRows) throw Error(ErrorCode::LIMIT_EXCEEDED, "an index holds at most 2^31 - 1 rows");
  const GraphData* old = base != nullptr && base->rows() > 0 ? &base->data() : nullptr;
  if (old != nullptr && old->M != config_.M) throw Error(ErrorCode::INTERNAL, "grow: M differs from the base's");
  const Row first = old != nullptr ? old->rows : 0;
  const int top = old != nullptr ? static_cast<int>(old->upper.size()) : 0;
  if (context_.progress != nullptr) context_.progress->total.fetch_add(rows - first, std::memory_order_relaxed);
  check(context_);
  GraphData graph = clone(old, rows, std::move(recycled));
  for (Row r = first; r < rows; ++r) add_upper_nodes(graph, r, draw_level(config_.seed, r, config_.M));
  with_nodes(space_, map_, [&](const auto& nodes) { insert_rows(graph, nodes, first, top); });
  return std::make_shared<GraphIndex>(std::move(graph));
}

}  // namespace sagedb
