#include "index/graph_compactor.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/status.h"
#include "support/graph_harness.h"
#include "support/setting.h"

namespace sagedb {
namespace {

using test::TestSpace;
using test::VectorSet;

struct Compacted {
  VectorSet survivors;
  RowRemap remap;
};

Compacted survivors_of(const VectorSet& base, const std::function<bool(Row)>& dead) {
  Compacted c;
  c.survivors.dimension = base.dimension;
  for (Row r = 0; r < base.count; ++r) {
    c.remap.new_row.push_back(dead(r) ? kNoRow : c.remap.new_count++);
    if (!dead(r)) c.survivors.values.insert(c.survivors.values.end(), base.row(r), base.row(r) + base.dimension);
  }
  c.survivors.count = c.remap.new_count;
  return c;
}

// Properties: after compaction the structure is sound, recall is near that of a fresh build over the survivors, and every
// survivor finds itself. The codes of survivors are those of the old space, as in the engine.
void expect_like_fresh_build(const VectorSet& base, const VectorSet& queries, bool codes,
                             const std::function<bool(Row)>& dead) {
  const TestSpace old_space(base, Metric::l2, codes);
  const auto old_graph = test::build_graph(old_space.view(), old_space.rows());
  const Compacted c = survivors_of(base, dead);
  BuildContext context;
  context.threads = 2;
  const auto compacted = GraphAlgorithm{IndexConfig{}}.compact(old_space.view(), old_graph, c.remap, context);
  const TestSpace space(c.survivors, Metric::l2, codes);
  ASSERT_EQ(compacted->rows(), c.remap.new_count);
  ASSERT_EQ(compacted->verify(space.view()), "");
  const auto fresh = test::build_graph(space.view(), space.rows());
  for (const std::uint32_t ef : {20u, 80u})
    EXPECT_GE(test::mean_recall(*compacted, space, queries, 10, ef),
              test::mean_recall(*fresh, space, queries, 10, ef) - 0.015)
        << "ef " << ef;
  std::size_t missed = 0;
  for (Row r = 0; r < space.rows(); ++r) {
    const auto found = test::search_graph_for(*compacted, space.view(), c.survivors.row(r), 1, 64);
    missed +=
        found.empty() || found[0].distance > exact_distance(space.view(), Query(c.survivors.row(r), space.view()), r)
            ? 1
            : 0;
  }
  EXPECT_EQ(missed, 0u);
}

class CompactShare : public ::testing::TestWithParam<int> {};

TEST_P(CompactShare, RandomDeletes) {
  const test::ClusteredSource source(48, 60, 3);
  const int percent = GetParam();
  expect_like_fresh_build(source.rows(0, testing::kSanitized ? 3000 : 6000), source.rows(50000, 150), true,
                          [percent](Row r) { return static_cast<int>(r * 2654435761u >> 8) % 100 < percent; });
}
INSTANTIATE_TEST_SUITE_P(Percent, CompactShare, ::testing::Values(0, 1, 10, 30, 49, 80, 99));

// A whole region dies: whole clusters, the oldest rows (with the entry), full precision.
TEST(GraphCompactor, WholeClustersDie) {
  const test::ClusteredSource source(48, 20, 4);
  expect_like_fresh_build(source.rows(0, 5000), source.rows(50000, 100), false,
                          [&](Row r) { return source.cluster_of(r) % 3 == 0; });
}
TEST(GraphCompactor, TheOldestRowsDie) {
  const VectorSet base = test::gaussian_set(4000, 16, 5);
  expect_like_fresh_build(base, test::gaussian_set(100, 16, 6), true, [](Row r) { return r < 1500; });
}

TEST(GraphCompactor, NobodySurvives) {
  const VectorSet base = test::gaussian_set(500, 16, 7);
  const TestSpace space(base, Metric::l2, true);
  const auto graph = test::build_graph(space.view(), 500);
  const Compacted c = survivors_of(base, [](Row) { return true; });
  const auto compacted = GraphAlgorithm{IndexConfig{}}.compact(space.view(), graph, c.remap, {});
  EXPECT_EQ(compacted->rows(), 0u);
  EXPECT_EQ(compacted->verify(space.view()), "");
}

// Property: rows of the remap behind the index are inserted.
TEST(GraphCompactor, InsertsRowsBehindTheIndex) {
  const VectorSet base = test::gaussian_set(3000, 16, 8);
  const TestSpace old_space(base, Metric::l2, true);
  const auto graph = test::build_graph(old_space.view(), 2500);
  const Compacted c = survivors_of(base, [](Row r) { return r % 5 == 0; });
  const auto compacted = GraphAlgorithm{IndexConfig{}}.compact(old_space.view(), graph, c.remap, {});
  const TestSpace space(c.survivors, Metric::l2, true);
  EXPECT_EQ(compacted->rows(), c.remap.new_count);
  EXPECT_EQ(compacted->verify(space.view()), "");
  EXPECT_GE(test::mean_recall(*compacted, space, test::gaussian_set(100, 16, 9), 10, 100), 0.97);
}

// Property: compaction can be cancelled and leaves its base in service.
TEST(GraphCompactor, Cancel) {
  const VectorSet base = test::gaussian_set(2000, 16, 10);
  const TestSpace space(base, Metric::l2, true);
  const auto graph = test::build_graph(space.view(), 2000);
  const Compacted c = survivors_of(base, [](Row r) { return r % 4 == 0; });
  CancelToken cancel;
  cancel.cancel();
  BuildContext context;
  context.threads = 2;
  context.cancel = &cancel;
  try {
    GraphAlgorithm{IndexConfig{}}.compact(space.view(), graph, c.remap, context);
    ADD_FAILURE() << "not cancelled";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::ABORTED);
  }
  EXPECT_EQ(graph->verify(space.view()), "");
}

}  // namespace
}  // namespace sagedb
