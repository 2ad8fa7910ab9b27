// Long codes are measured to their end only where that can matter; what a search finds stays the same.
#include "index/early_stop.h"

#include <gtest/gtest.h>

#include "index/graph_index.h"
#include "support/graph_harness.h"

namespace sagedb {
namespace {

using test::TestSpace;
using test::VectorSet;

constexpr std::uint32_t kDimension = 512;

const GraphData& data_of(const Index& index) { return dynamic_cast<const GraphIndex&>(index).data(); }

// The same graph with another early stop.
std::shared_ptr<const Index> with_stop(const Index& index, const EarlyStop& stop) {
  const GraphData& from = data_of(index);
  GraphData graph(from.M);
  graph.base.reset(from.rows);
  graph.base.copy_from(from.base, from.rows, 2);
  graph.rows = from.rows;
  graph.entry = from.entry;
  graph.upper = from.upper;
  graph.stop = stop;
  return std::make_shared<GraphIndex>(std::move(graph));
}

class EarlyStopSearch : public ::testing::TestWithParam<Metric> {};

// Property: with the calibrated stop a search finds as much as one that measures every row whole, at narrow and at wide pools.
TEST_P(EarlyStopSearch, CostsNoRecall) {
  const test::ClusteredSource source(kDimension, 60, 5);
  const VectorSet base = source.rows(0, 8000), queries = source.rows(1u << 20, 200);
  const TestSpace space(base, GetParam(), true);
  const auto graph = test::build_graph(space.view(), space.rows());
  const EarlyStop stop = data_of(*graph).stop;
  ASSERT_GT(stop.bytes, 0u);
  EXPECT_GT(stop.share, static_cast<float>(stop.bytes) / kDimension);
  EXPECT_LT(stop.share, 0.6f);
  const auto whole = with_stop(*graph, EarlyStop());
  const auto reckless = with_stop(*graph, {stop.bytes, 1.03f * static_cast<float>(stop.bytes) / kDimension});
  for (const std::uint32_t ef : {12u, 40u, 200u}) {
    const double full = test::mean_recall(*whole, space, queries, 10, ef);
    EXPECT_GE(test::mean_recall(*graph, space, queries, 10, ef), full - 0.004) << "ef " << ef;
  }
  // The test notices a stop that loses rows.
  EXPECT_LT(test::mean_recall(*reckless, space, queries, 10, 12),
            test::mean_recall(*whole, space, queries, 10, 12) - 0.01);
}

INSTANTIATE_TEST_SUITE_P(Metrics, EarlyStopSearch, ::testing::Values(Metric::l2, Metric::cosine));

// Property: rows that do not differ in their first components say nothing about queries that do; such queries are measured whole.
TEST(EarlyStop, QueriesUnlikeAllRows) {
  const VectorSet noise = test::gaussian_set(6000, kDimension, 3), asked = test::gaussian_set(100, kDimension, 4);
  VectorSet base = noise, queries = asked;
  for (std::size_t r = 0; r < base.count; ++r)
    for (std::uint32_t i = 0; i < 128; ++i) base.row(r)[i] = 0.01f * noise.row(r)[i];
  for (std::size_t r = 0; r < queries.count; ++r)
    for (std::uint32_t i = 0; i < kDimension; ++i) queries.row(r)[i] = i < 128 ? 2.0f : 0.5f * asked.row(r)[i];
  const TestSpace space(base, Metric::l2, true);
  const auto graph = test::build_graph(space.view(), space.rows());
  ASSERT_GT(data_of(*graph).stop.bytes, 0u);
  ASSERT_LT(data_of(*graph).stop.share, 0.05f);
  const auto whole = with_stop(*graph, EarlyStop());
  for (const std::uint32_t ef : {40u, 400u})
    EXPECT_GE(test::mean_recall(*graph, space, queries, 10, ef),
              test::mean_recall(*whole, space, queries, 10, ef) - 0.004);
}

// Property: short codes, small graphs and full precision are measured whole; growth keeps the stop.
TEST(EarlyStop, OnlyWhereItPays) {
  const test::ClusteredSource source(kDimension, 20, 9), narrow(96, 20, 9);
  const auto stop_of = [](const TestSpace& space) {
    return data_of(*test::build_graph(space.view(), space.rows())).stop;
  };
  EXPECT_EQ(stop_of(TestSpace(narrow.rows(0, 3000), Metric::l2, true)).bytes, 0u);
  EXPECT_EQ(stop_of(TestSpace(source.rows(0, 500), Metric::l2, true)).bytes, 0u);
  EXPECT_EQ(stop_of(TestSpace(source.rows(0, 3000), Metric::l2, false)).bytes, 0u);
  const TestSpace space(source.rows(0, 4000), Metric::l2, true);
  const auto half = test::build_graph(space.view(), 2000);
  BuildContext context;
  context.threads = 2;
  const auto grown = GraphAlgorithm(IndexConfig()).grow(space.view(), half, 4000, nullptr, context);
  EXPECT_GT(data_of(*half).stop.bytes, 0u);
  EXPECT_GT(data_of(*grown).stop.bytes, 0u);
  EXPECT_EQ(grown->verify(space.view()), "");
}

// Property: a space that most rows lack is calibrated on those that have a vector.
TEST(EarlyStop, IsCalibratedWhereMostRowsHaveNoVector) {
  constexpr Row kRows = 24000, kEvery = 16;
  const TestSpace space(test::ClusteredSource(kDimension, 20, 9).rows(0, kRows), Metric::l2, true);
  Presence present(kRows);
  for (Row r = 0; r < kRows; r += kEvery) present.put(r, true);
  SpaceView view = space.view();
  view.present = present.words();
  const auto graph = test::build_graph(view, kRows);
  EXPECT_EQ(data_of(*graph).nodes(), kRows / kEvery);
  EXPECT_GT(data_of(*graph).stop.bytes, 0u);
  EXPECT_EQ(graph->verify(view), "");
}

}  // namespace
}  // namespace sagedb
