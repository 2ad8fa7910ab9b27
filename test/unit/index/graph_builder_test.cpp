#include "index/graph_builder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>

#include "base/status.h"
#include "index/graph_repair.h"
#include "support/failing_new.h"
#include "support/graph_harness.h"

namespace sagedb {
namespace {

using test::TestSpace;
using test::VectorSet;

const GraphData& data_of(const std::shared_ptr<const Index>& index) {
  return static_cast<const GraphIndex&>(*index).data();
}

bool same_graph(const GraphData& a, const GraphData& b) {
  if (a.rows != b.rows || a.entry != b.entry || a.upper.size() != b.upper.size()) return false;
  for (std::size_t l = 0; l < a.upper.size(); ++l)
    if (a.upper[l].row != b.upper[l].row || a.upper[l].links != b.upper[l].links) return false;
  const std::size_t bytes = std::size_t{a.rows} * a.base.width() * sizeof(Row);
  return a.rows == 0 || (std::memcmp(a.base.links(0), b.base.links(0), bytes) == 0 &&
                         std::memcmp(a.base.parent(0), b.base.parent(0), a.rows * sizeof(Row)) == 0);
}

std::size_t missed_self_searches(const Index& graph, const TestSpace& space, const VectorSet& set, std::uint32_t ef) {
  std::size_t missed = 0;
  for (std::size_t r = 0; r < set.count; ++r) {
    const auto found = test::search_graph_for(graph, space.view(), set.row(r), 1, ef);
    const float own = exact_distance(space.view(), Query(set.row(r), space.view()), static_cast<Row>(r));
    missed += found.empty() || found[0].distance > own ? 1 : 0;
  }
  return missed;
}

// Property: on one thread a build depends on the seed only.
TEST(GraphBuilder, DeterministicOnOneThread) {
  const VectorSet base = test::gaussian_set(2000, 24, 1);
  const TestSpace space(base, Metric::l2, true);
  IndexConfig config;
  const auto a = test::build_graph(space.view(), space.rows(), config, 1);
  const auto b = test::build_graph(space.view(), space.rows(), config, 1);
  EXPECT_TRUE(same_graph(data_of(a), data_of(b)));
  config.seed = 99;
  const auto c = test::build_graph(space.view(), space.rows(), config, 1);
  EXPECT_FALSE(same_graph(data_of(a), data_of(c)));
}

// Property: growing in many small steps, through recycled buffers, gives the recall of one build.
TEST(GraphBuilder, GrowthEqualsOneBuild) {
  const test::ClusteredSource source(64, 50, 2);
  const VectorSet base = source.rows(0, 6000);
  const VectorSet queries = source.rows(100000, 200);
  const TestSpace space(base, Metric::cosine, true);
  const GraphAlgorithm algorithm{IndexConfig{}};
  BuildContext context;
  context.threads = 2;
  std::shared_ptr<const Index> grown, previous;
  for (Row rows = 50; rows < 6000 + 50; rows = rows < 300 ? rows + 50 : rows + 190) {
    auto next = algorithm.grow(space.view(), grown, std::min<Row>(rows, 6000), std::move(previous), context);
    ASSERT_EQ(next->verify(space.view()), "") << "at " << rows << " rows";
    previous = std::move(grown);
    grown = std::move(next);
  }
  ASSERT_EQ(grown->rows(), 6000u);
  const auto built = test::build_graph(space.view(), 6000);
  for (std::uint32_t ef : {20u, 60u}) {
    const double one = test::mean_recall(*built, space, queries, 10, ef);
    const double many = test::mean_recall(*grown, space, queries, 10, ef);
    EXPECT_NEAR(one, many, 0.01) << "ef " << ef;
  }
}

// Property: buffers of an older graph give exactly the graph that a full copy gives: of the last but one, of one long ago, of a graph that was
// thrown away, of another history, and beyond the length of a history.
TEST(GraphBuilder, BuffersOfOlderGraphsAreBroughtUpToDate) {
  const VectorSet base = test::gaussian_set(1000, 8, 7);
  const TestSpace space(base, Metric::l2, true);
  const GraphAlgorithm algorithm{IndexConfig{}};
  const BuildContext context;
  const auto grow = [&](const std::shared_ptr<const Index>& from, Row rows, std::shared_ptr<const Index> buffers) {
    return algorithm.grow(space.view(), from, rows, std::move(buffers), context);
  };
  const auto first = [&] { return grow(nullptr, 300, nullptr); };
  // The same graph twice: buffers must belong to nobody.
  const auto rehearse = [&](std::vector<Row> steps, std::size_t used) {
    std::vector<std::shared_ptr<const Index>> graphs{first()};
    for (const Row rows : steps) graphs.push_back(grow(graphs.back(), rows, nullptr));
    return std::make_pair(std::move(graphs[used]), std::move(graphs.back()));
  };
  for (const std::size_t used : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
    auto [buffers, last] = rehearse({340, 380, 420}, used);
    const auto copied = grow(last, 460, nullptr);
    const auto caught_up = grow(last, 460, std::move(buffers));
    EXPECT_TRUE(same_graph(data_of(copied), data_of(caught_up))) << "buffers of graph " << used;
  }
  {
    auto [begun, last] = rehearse({340}, 0);
    auto thrown_away = grow(begun, 400, nullptr);
    const auto copied = grow(last, 420, nullptr);
    EXPECT_TRUE(same_graph(data_of(copied), data_of(grow(last, 420, std::move(thrown_away)))));
    EXPECT_TRUE(same_graph(data_of(copied), data_of(grow(last, 420, grow(nullptr, 500, nullptr)))));
  }
  std::shared_ptr<const Index> with, without, previous;
  with = without = first();
  for (Row rows = 302; rows <= 900; rows += 2) {
    auto next = grow(with, rows, std::move(previous));
    without = grow(without, rows, nullptr);
    ASSERT_TRUE(same_graph(data_of(next), data_of(without))) << rows;
    previous = std::move(with);
    with = std::move(next);
  }
}

// Property: while an index grows, its base answers as before and is not written.
TEST(GraphBuilder, BaseIsUntouchedWhileGrowing) {
  const VectorSet base = test::gaussian_set(6000, 32, 3);
  const TestSpace space(base, Metric::l2, true);
  const GraphAlgorithm algorithm{IndexConfig{}};
  BuildContext context;
  context.threads = 2;
  const auto first = algorithm.grow(space.view(), nullptr, 2000, nullptr, context);
  const auto copy = algorithm.grow(space.view(), first, 2000, nullptr, context);
  ASSERT_TRUE(same_graph(data_of(first), data_of(copy)));
  const auto before = test::search_graph_for(*first, space.view(), base.row(5000), 10, 50);
  std::atomic<bool> done{false};
  std::atomic<int> different{0};
  std::thread reader([&] {
    while (!done.load()) {
      const auto now = test::search_graph_for(*first, space.view(), base.row(5000), 10, 50);
      bool same = now.size() == before.size();
      for (std::size_t i = 0; same && i < now.size(); ++i) same = now[i].row == before[i].row;
      different += same ? 0 : 1;
    }
  });
  const auto grown = algorithm.grow(space.view(), first, 6000, nullptr, context);
  done = true;
  reader.join();
  EXPECT_EQ(different.load(), 0);
  EXPECT_TRUE(same_graph(data_of(first), data_of(copy)));
  EXPECT_EQ(grown->rows(), 6000u);
}

// Property: every row is found by a search for itself, in a set with clusters, duplicates and outliers, built at once and grown.
TEST(GraphBuilder, EveryRowFindsItself) {
  const test::ClusteredSource source(48, 30, 4);
  VectorSet base = source.rows(0, 8000);
  const VectorSet noise = test::gaussian_set(200, 48, 5);
  for (std::size_t i = 0; i < 200; ++i)  // outliers, far from everything and each other
    for (std::uint32_t d = 0; d < 48; ++d) base.row(i * 40)[d] = 20.0f * noise.row(i)[d];
  for (std::size_t i = 0; i < 1000; ++i) std::copy_n(base.row(i * 3 % 700), 48, base.row(7000 + i));
  const TestSpace space(base, Metric::l2, false);
  const auto built = test::build_graph(space.view(), 8000);
  EXPECT_EQ(built->verify(space.view()), "");
  EXPECT_EQ(missed_self_searches(*built, space, base, kSelfSearchEf), 0u);
  const GraphAlgorithm algorithm{IndexConfig{}};
  std::shared_ptr<const Index> grown;
  for (Row rows = 1000; rows <= 8000; rows += 1000) grown = algorithm.grow(space.view(), grown, rows, nullptr, {});
  EXPECT_EQ(missed_self_searches(*grown, space, base, kSelfSearchEf), 0u);
}

// Leaves `row` in the list of one far row only, which becomes its parent.
void hide(const Index& index, const TestSpace& space, const VectorSet& set, Row row) {
  auto& graph = const_cast<GraphData&>(static_cast<const GraphIndex&>(index).data());
  const std::uint32_t width = graph.base.width();
  for (Row r = 0; r < graph.rows; ++r) {
    Row* links = graph.base.links(r);
    Row* end = std::remove(links, links + width, row);
    std::fill(end, links + width, kNoRow);
  }
  const Query query(set.row(row), space.view());
  Row far = kNoRow;
  float distance = -1;
  for (Row r = 0; r < graph.rows; ++r) {
    const Row* links = graph.base.links(r);
    const bool tree = r == graph.entry || *graph.base.parent(r) == row;
    const float d = exact_distance(space.view(), query, r);
    if (!tree && links[graph.max_links() - 1] == kNoRow && d > distance) distance = d, far = r;
  }
  Row* links = graph.base.links(far);
  *std::find(links, links + width, kNoRow) = row;
  *graph.base.parent(row) = far;
}

// Property: rows that later ones have cut off are found again: growth has the old rows search for themselves in turn, all of them before
// the graph has grown by half.
TEST(GraphBuilder, OldRowsAreLookedAfter) {
  const VectorSet set = test::gaussian_set(4500, 24, 31);
  const TestSpace space(set, Metric::l2, false);
  VectorSet old = set;
  old.count = 3000;
  const GraphAlgorithm algorithm{IndexConfig{}};
  const auto first = test::build_graph(space.view(), 3000);
  ASSERT_EQ(missed_self_searches(*first, space, old, kSelfSearchEf), 0u);
  const auto is_leaf = [&](Row row) {
    const GraphData& g = data_of(first);
    for (Row r = 0; r < g.rows; ++r)
      if (*g.base.parent(r) == row) return false;
    return draw_level(IndexConfig().seed, row, 16) == 0;
  };
  int hidden = 0;
  for (Row row = 7; row < 3000 && hidden < 12; row += 231)
    for (Row r = row; r < row + 50; ++r)
      if (is_leaf(r)) {
        hide(*first, space, set, r);
        ++hidden;
        break;
      }
  ASSERT_EQ(first->verify(space.view()), "");
  ASSERT_GE(missed_self_searches(*first, space, old, kSelfSearchEf), 6u);
  std::shared_ptr<const Index> grown = first;
  for (Row rows = 3300; rows <= 4500; rows += 300) grown = algorithm.grow(space.view(), grown, rows, nullptr, {});
  EXPECT_EQ(grown->verify(space.view()), "");
  EXPECT_EQ(missed_self_searches(*grown, space, old, kSelfSearchEf), 0u);
}

// Property: what growth has not checked of the old rows it says, and growing to the same rows checks it, in parts.
TEST(GraphBuilder, OldRowsAreOwedACheck) {
  const VectorSet set = test::gaussian_set(12500, 8, 33);
  const TestSpace space(set, Metric::l2, true);
  const GraphAlgorithm algorithm{IndexConfig{}};
  BuildContext context;
  context.threads = 2;
  std::shared_ptr<const Index> graph = test::build_graph(space.view(), 10000);
  EXPECT_EQ(graph->unchecked(), 0u) << "all rows were new";
  graph = algorithm.grow(space.view(), graph, 10500, nullptr, context);
  EXPECT_EQ(graph->unchecked(), 0u) << "less than an eighth";
  graph = algorithm.grow(space.view(), graph, 12000, nullptr, context);
  EXPECT_EQ(graph->unchecked(), 10500u - 2 * 1500u);
  graph = algorithm.grow(space.view(), graph, 12500, nullptr, context);
  EXPECT_EQ(graph->unchecked(), 7500u + 500u - 2 * 500u) << "the turn has become longer";
  context.old_checks = 5000;
  graph = algorithm.grow(space.view(), graph, 12500, nullptr, context);
  EXPECT_EQ(graph->unchecked(), 2000u);
  EXPECT_EQ(graph->verify(space.view()), "");
  graph = algorithm.grow(space.view(), graph, 12500, nullptr, context);
  EXPECT_EQ(graph->unchecked(), 0u);
  EXPECT_EQ(graph->rows(), 12500u);
}

// Property: 10,000 equal vectors neither disconnect the graph nor make the build quadratic, and the rows around them are still found.
TEST(GraphBuilder, TenThousandEqualVectors) {
  VectorSet base = test::gaussian_set(12000, 16, 6);
  for (std::size_t r = 1000; r < 11000; ++r) std::copy_n(base.row(0), 16, base.row(r));
  const TestSpace space(base, Metric::l2, true);
  const auto start = std::chrono::steady_clock::now();
  const auto graph = test::build_graph(space.view(), 12000);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took.count(), 60.0);
  EXPECT_EQ(graph->verify(space.view()), "");
  std::size_t missed = 0;
  for (Row r = 0; r < 12000; r += r >= 1000 && r < 11000 ? 500 : 10) {
    const auto found = test::search_graph_for(*graph, space.view(), base.row(r), 1, 64);
    missed += found.empty() || found[0].distance > 0 ? 1 : 0;
  }
  EXPECT_EQ(missed, 0u);
  EXPECT_EQ(test::search_graph_for(*graph, space.view(), base.row(0), 5000, 5000).size(), 5000u);
}

// Property: a cancelled build throws ABORTED out of its parallel region and leaves the base in service.
TEST(GraphBuilder, CancelThrowsAborted) {
  const VectorSet base = test::gaussian_set(20000, 32, 7);
  const TestSpace space(base, Metric::l2, true);
  const GraphAlgorithm algorithm{IndexConfig{}};
  const auto first = test::build_graph(space.view(), 500);
  CancelToken cancel;
  Progress progress;
  BuildContext context;
  context.threads = 2;
  context.cancel = &cancel;
  context.progress = &progress;
  std::thread canceller([&] {
    while (progress.done.load() < 400) std::this_thread::yield();
    cancel.cancel();
  });
  try {
    algorithm.grow(space.view(), first, 20000, nullptr, context);
    ADD_FAILURE() << "the build was not aborted";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::ABORTED);
  }
  canceller.join();
  EXPECT_EQ(progress.total.load(), 19500u);
  EXPECT_LT(progress.done.load(), 19500u);
  EXPECT_EQ(first->verify(space.view()), "");
}

// Property: whichever allocation fails, inside the parallel region or out of it, growth throws, and base and a later growth are sound.
TEST(GraphBuilder, EveryFailedAllocationLeavesTheBaseInService) {
  const VectorSet base = test::gaussian_set(700, 16, 70);
  const TestSpace space(base, Metric::l2, true);
  const GraphAlgorithm algorithm{IndexConfig{}};
  const auto first = test::build_graph(space.view(), 400);
  BuildContext context;
  context.threads = 2;
  int failures = 0;
  for (long n = 1;; ++n) {
    std::shared_ptr<const Index> grown;
    testing::fail_allocation_after(n);
    try {
      grown = algorithm.grow(space.view(), first, 700, nullptr, context);
    } catch (...) {
      const Error error = current_error();
      testing::fail_allocation_after(0);
      EXPECT_EQ(error.code(), ErrorCode::OUT_OF_MEMORY);
      ++failures;
      continue;
    }
    const bool failed = testing::allocation_failed();
    testing::fail_allocation_after(0);
    ASSERT_EQ(grown->verify(space.view()), "");
    if (!failed) break;
  }
  EXPECT_GT(failures, 10);
  EXPECT_EQ(first->verify(space.view()), "");
}

// Property: progress ends at its total.
TEST(GraphBuilder, ProgressReachesTheTotal) {
  const VectorSet base = test::gaussian_set(1500, 8, 8);
  const TestSpace space(base, Metric::l2, true);
  Progress progress;
  BuildContext context;
  context.threads = 2;
  context.progress = &progress;
  GraphAlgorithm{IndexConfig{}}.grow(space.view(), nullptr, 1500, nullptr, context);
  EXPECT_EQ(progress.done.load(), 1500u);
  EXPECT_EQ(progress.total.load(), 1500u);
}

// Property: an index takes about 2M links of 4 bytes per row.
TEST(GraphBuilder, MemoryPerRowIsBounded) {
  const VectorSet base = test::gaussian_set(20000, 8, 9);
  const TestSpace space(base, Metric::l2, true);
  const auto graph = test::build_graph(space.view(), 20000);
  const double per_row = static_cast<double>(graph->memory_bytes()) / 20000;
  EXPECT_GE(per_row, 132.0);
  EXPECT_LE(per_row, 150.0);
}

// Property: options out of range are refused with their name.
TEST(GraphAlgorithm, RefusesOptionsOutOfRange) {
  for (const IndexConfig& config : {IndexConfig{IndexKind::hnsw, 3, 200, 1}, IndexConfig{IndexKind::hnsw, 65, 200, 1},
                                    IndexConfig{IndexKind::hnsw, 16, 7, 1}}) {
    try {
      GraphAlgorithm algorithm{config};
      ADD_FAILURE() << "accepted";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::INVALID_ARGUMENT);
    }
  }
}

// Property: growth and turns of old rows are measured in rows that have a vector, however many have none.
TEST(GraphBuilder, TurnsOfOldRowsCountThoseWithAVector) {
  constexpr Row kOld = 900;
  GraphData graph(16);
  graph.rows = 1000;
  graph.absent = 900;
  const auto has = [](Row r) { return r % 10 == 0; };
  note_growth(graph, kOld, 12);
  EXPECT_EQ(graph.old.owed, 0u);
  note_growth(graph, kOld, 1);
  EXPECT_EQ(graph.old.owed, kOld);
  std::vector<Row> rows;
  const auto check = [&](std::size_t count, std::size_t mended) {
    note_checks(graph, kOld, append_next_old(graph, kOld, count, has, &rows), mended);
  };
  check(20, 1);
  ASSERT_EQ(rows.size(), 20u);
  EXPECT_EQ(rows.front(), 0u);
  EXPECT_EQ(rows.back(), 190u);
  EXPECT_EQ(graph.old.owed, kOld - 191);
  rows.clear();
  check(200, 0);  // more than there are: every one once
  sort_unique(rows);
  EXPECT_EQ(rows.size(), kOld / 10);
  EXPECT_EQ(graph.old.owed, kOld) << "one was mended, so another turn follows";
  check(200, 0);
  EXPECT_EQ(graph.old.owed, 0u) << "nothing was mended";
}

}  // namespace
}  // namespace sagedb
