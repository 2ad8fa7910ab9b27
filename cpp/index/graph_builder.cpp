#include "index/graph_builder.h"

#include <algorithm>
#include <string>

#include "base/executor.h"
#include "base/status.h"
#include "index/early_stop.h"
#include "index/graph_repair.h"

namespace sagedb {
namespace {

// Rows inserted by one thread before the others join: in a nearly empty graph parallel insertions would not see each other.
constexpr Row kSequentialRows = 256;
// Rows of a new graph inserted before the early stop is calibrated on them for the rest.
constexpr std::size_t kRowsBeforeStop = 8192;
// Old rows that search for themselves per inserted row: what is inserted takes paths away from rows that keep all of their own links, so
// every row is looked at again before the graph has grown by half. The engine has the rest checked when it has time (BuildContext::old_checks).
constexpr std::size_t kOldPerNew = 2;
// Up to here all are checked at once.
constexpr Row kSmallGraph = 8192;

struct Insertion {
  Row row;
  int level;
};

// Rows [first, rows) that have a vector, with their levels, highest level first: the upper levels are complete before the bulk descends through them, and
// whoever raises the top comes before everyone else.
template <typename Has>
std::vector<Insertion> insertion_order(const IndexConfig& config, Row first, Row rows, Has&& has) {
  std::vector<Insertion> order;
  order.reserve(rows - first);
  for (Row r = first; r < rows; ++r)
    if (has(r)) order.push_back({r, draw_level(config.seed, r, config.M)});
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
  LinkHistory older;  // of what the buffers hold
  if (recycled.M == config_.M && recycled.base.capacity() >= rows) {
    graph = std::move(recycled);
    older = std::move(graph.history);
    graph.upper.clear();
    graph.entry = kNoRow;
    graph.fragile.clear();
    graph.stop = EarlyStop();
    graph.old = OldChecks();
    graph.absent = 0;
  } else {
    graph.base.reset(rows);
  }
  graph.rows = rows;
  if (base != nullptr) {
    if (base->history.descends_from(older)) {
      graph.base.catch_up(base->base, base->history, older, old_rows, context_.threads);
    } else {
      graph.base.copy_from(base->base, old_rows, context_.threads);
    }
    graph.history.follow(base->history, rows);
    graph.upper = base->upper;
    graph.entry = base->entry;
    graph.absent = base->absent;
    graph.fragile = base->fragile;
    graph.stop = base->stop;
    graph.old = base->old;
  } else {
    graph.history.start(rows);
  }
  graph.base.clear(old_rows, rows);
  return graph;
}

template <typename Nodes>
void GraphBuilder::insert_rows(GraphData& graph, const Nodes& nodes, Row first, int top) const {
  const std::vector<Insertion> order = insertion_order(config_, first, graph.rows, [this](Row r) { return has(r); });
  const std::size_t nodes_before = graph.nodes() - order.size();
  RowLocks locks(graph.rows);
  NodeInserter<Nodes> inserter(graph, nodes, locks, config_.ef_construction, top, first);
  std::vector<BuildWorkspace> workspaces(static_cast<std::size_t>(std::max(1, context_.threads)));
  const auto insert = [&](std::size_t i, BuildWorkspace& ws) {
    check_cancelled(context_);
    inserter.insert(order[i].row, order[i].level, ws);
    if (context_.progress != nullptr) context_.progress->done.fetch_add(1, std::memory_order_relaxed);
  };
  std::size_t done = 0;
  while (done < order.size() && (order[done].level > inserter.top() || nodes_before + done < kSequentialRows))
    insert(done++, workspaces[0]);
  const auto insert_until = [&](std::size_t end_of_part) {
    parallel_for(end_of_part - done, 16, context_.threads, [&](std::size_t begin, std::size_t end, int worker) {
      for (std::size_t i = begin; i < end; ++i) insert(done + i, workspaces[static_cast<std::size_t>(worker)]);
    });
    done = end_of_part;
  };
  if (graph.stop.bytes == 0 && order.size() - done > 2 * kRowsBeforeStop) {
    insert_until(done + kRowsBeforeStop);
    graph.stop = calibrate_early_stop(graph, space_, map_);
  }
  insert_until(order.size());
  graph.stop = calibrate_early_stop(graph, space_, map_);

  std::vector<Row> checked = weakened_rows(inserter, workspaces);
  const std::vector<Row> fragile = next_fragile(graph, 1000 + 2 * order.size());
  checked.insert(checked.end(), fragile.begin(), fragile.end());
  note_growth(graph, first, order.size());
  const bool small = graph.nodes() <= kSmallGraph && !order.empty();
  const std::size_t wanted = small ? first : std::max(kOldPerNew * order.size(), context_.old_checks);
  const Row passed = append_next_old(
      graph, first, wanted, [this](Row r) { return has(r); }, &checked);
  for (const Insertion& i : order) checked.push_back(i.row);
  sort_unique(checked);
  note_checks(graph, first, passed, repair_rows(graph, context_, inserter, checked, workspaces));
}

std::shared_ptr<const GraphIndex> GraphBuilder::grow(const GraphIndex* base, Row rows, GraphData&& recycled) {
  if (rows > kMaxGraphRows) throw Error(ErrorCode::LIMIT_EXCEEDED, "an index holds at most 2^31 - 1 rows");
  const GraphData* old = base != nullptr && base->rows() > 0 ? &base->data() : nullptr;
  if (old != nullptr && old->M != config_.M) throw Error(ErrorCode::INTERNAL, "grow: M differs from the base's");
  const Row first = old != nullptr ? old->rows : 0;
  const int top = old != nullptr ? static_cast<int>(old->upper.size()) : 0;
  if (context_.progress != nullptr) context_.progress->total.fetch_add(rows - first, std::memory_order_relaxed);
  check_cancelled(context_);
  GraphData graph = clone(old, rows, std::move(recycled));
  for (Row r = first; r < rows; ++r) {
    if (has(r)) {
      add_upper_nodes(graph, r, draw_level(config_.seed, r, config_.M));
    } else {
      ++graph.absent;
    }
  }
  with_nodes(space_, map_, [&](const auto& nodes) { insert_rows(graph, nodes, first, top); });
  return std::make_shared<GraphIndex>(std::move(graph));
}

}  // namespace sagedb
