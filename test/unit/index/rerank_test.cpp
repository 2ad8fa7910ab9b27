#include "index/rerank.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "index/measure.h"
#include "support/graph_harness.h"

namespace sagedb {
namespace {

using test::TestSpace;
using test::VectorSet;

// All rows as candidates by code distance.
std::vector<Candidate> by_code(const TestSpace& space, const Query& query) {
  std::vector<Candidate> all;
  const SpaceView view = space.view();
  with_query_measure(view, query, [&](const auto& measure) {
    for (Row r = 0; r < space.rows(); ++r) all.push_back({measure.distance(measure_one(measure, r)), r});
  });
  std::sort(all.begin(), all.end(), nearer);
  return all;
}

class RerankMetric : public ::testing::TestWithParam<Metric> {};

// Property: given every row, re-ranking returns the exact answer with exact distances after measuring a small part.
TEST_P(RerankMetric, ExactAnswerFromFewMeasurements) {
  const test::ClusteredSource source(64, 20, 1);
  const VectorSet base = source.rows(0, 3000), queries = source.rows(100000, 100);
  const TestSpace space(base, GetParam(), true);
  double recall = 0;
  std::size_t measured = 0;
  for (std::size_t q = 0; q < queries.count; ++q) {
    const Query query(queries.row(q), space.view());
    std::vector<Candidate> found = by_code(space, query);
    measured += rerank(space.view(), query, 10, found);
    ASSERT_EQ(found.size(), 10u);
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end(), nearer));
    for (const Candidate& c : found) EXPECT_EQ(c.distance, exact_distance(space.view(), query, c.row));
    recall += test::recall_of(found, space.exact(queries.row(q), 10));
  }
  EXPECT_GE(recall / 100, 0.999);
  EXPECT_LT(measured, 100u * 300u);
}
INSTANTIATE_TEST_SUITE_P(Metrics, RerankMetric, ::testing::Values(Metric::l2, Metric::ip, Metric::cosine));

// Property: fewer candidates than k, none, and k = 0.
TEST(Rerank, ShortLists) {
  const VectorSet base = test::gaussian_set(50, 16, 2);
  const TestSpace space(base, Metric::l2, true);
  const Query query(base.row(3), space.view());
  std::vector<Candidate> none;
  EXPECT_EQ(rerank(space.view(), query, 10, none), 0u);
  std::vector<Candidate> three = {{5, 7}, {1, 3}, {2, 9}};
  EXPECT_EQ(rerank(space.view(), query, 10, three), 3u);
  ASSERT_EQ(three.size(), 3u);
  EXPECT_EQ(three[0].row, 3u);
  EXPECT_EQ(three[0].distance, 0.0f);
  EXPECT_EQ(rerank(space.view(), query, 0, three), 0u);
  EXPECT_TRUE(three.empty());
}

// Property: equal exact distances are ordered by row.
TEST(Rerank, TiesByRow) {
  VectorSet base = test::gaussian_set(40, 16, 3);
  for (std::size_t r = 1; r < 40; ++r) std::copy_n(base.row(0), 16, base.row(r));
  const TestSpace space(base, Metric::l2, true);
  const Query query(base.row(0), space.view());
  std::vector<Candidate> found = by_code(space, query);
  std::reverse(found.begin(), found.end());
  rerank(space.view(), query, 40, found);
  for (Row r = 0; r < 40; ++r) EXPECT_EQ(found[r].row, r);
}

// Property: what is as near as the k-th comes along, as far as there is room, and nothing else.
TEST(Rerank, KeepsTies) {
  VectorSet base = test::gaussian_set(60, 16, 4);
  for (std::size_t r = 10; r < 30; ++r) std::copy_n(base.row(10), 16, base.row(r));
  for (const Metric metric : {Metric::l2, Metric::cosine, Metric::ip}) {
    const TestSpace space(base, metric, true);
    const Query query(base.row(10), space.view());
    const std::vector<Candidate> exact = space.exact(base.row(10), 60);
    const std::size_t before = static_cast<std::size_t>(
        std::find_if(exact.begin(), exact.end(), [](const Candidate& c) { return c.row == 10; }) - exact.begin());
    for (const std::size_t room : {0u, 1u, 8u, 100u}) {
      std::vector<Candidate> found = by_code(space, query);
      rerank(space.view(), query, before + 5, found, room);
      ASSERT_EQ(found.size(), before + std::min<std::size_t>(5 + room, 20));
      for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].row, exact[i].row);
    }
  }
}

}  // namespace
}  // namespace sagedb
