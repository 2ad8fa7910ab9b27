#include "index/graph_search.h"

#include <gtest/gtest.h>

#include <set>

#include "support/graph_harness.h"

namespace sagedb {
namespace {

using test::TestSpace;
using test::VectorSet;

struct Case {
  const char* name;
  Metric metric;
  bool codes;
  VectorType type;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class GraphRecall : public ::testing::TestWithParam<Case> {};

// Property: on clustered vectors the graph finds what brute force finds, for every metric and representation.
TEST_P(GraphRecall, ClusteredVectors) {
  const Case c = GetParam();
  const test::ClusteredSource source(96, 100, 11);
  const VectorSet base = source.rows(0, 6000);
  const VectorSet queries = source.rows(1000000, 100);
  const TestSpace space(base, c.metric, c.codes, c.type);
  const auto graph = test::build_graph(space.view(), space.rows());
  EXPECT_EQ(graph->verify(space.view()), "");
  EXPECT_GE(test::mean_recall(*graph, space, queries, 10, 64), 0.95);
  EXPECT_GE(test::mean_recall(*graph, space, queries, 10, 600), 0.995);
}

// Property: recall is reachable on structureless vectors too, where neighbors are far and nearly equidistant; under ip the nearest
// rows are long vectors in the query's direction.
TEST_P(GraphRecall, GaussianVectors) {
  const Case c = GetParam();
  const VectorSet base = test::gaussian_set(5000, 32, 21);
  const VectorSet queries = test::gaussian_set(100, 32, 22);
  const TestSpace space(base, c.metric, c.codes, c.type);
  const auto graph = test::build_graph(space.view(), space.rows());
  EXPECT_GE(test::mean_recall(*graph, space, queries, 10, 200), 0.95);
  EXPECT_GE(test::mean_recall(*graph, space, queries, 10, 600), 0.98);
}

INSTANTIATE_TEST_SUITE_P(Spaces, GraphRecall,
                         ::testing::Values(Case{"l2_codes", Metric::l2, true, VectorType::float32},
                                           Case{"l2_f32", Metric::l2, false, VectorType::float32},
                                           Case{"l2_f16", Metric::l2, false, VectorType::float16},
                                           Case{"cosine_codes", Metric::cosine, true, VectorType::float32},
                                           Case{"cosine_f32", Metric::cosine, false, VectorType::float32},
                                           Case{"cosine_codes_f16", Metric::cosine, true, VectorType::float16},
                                           Case{"ip_codes", Metric::ip, true, VectorType::float32},
                                           Case{"ip_f32", Metric::ip, false, VectorType::float32},
                                           Case{"ip_f16", Metric::ip, false, VectorType::float16}),
                         [](const auto& info) { return info.param.name; });

// Property: inner product of unit vectors orders like cosine and reaches the same recall.
TEST(GraphSearch, InnerProductOfUnitVectors) {
  VectorSet base = test::gaussian_set(5000, 48, 31);
  VectorSet queries = test::gaussian_set(100, 48, 32);
  test::normalise(base);
  const TestSpace space(base, Metric::ip, true);
  const auto graph = test::build_graph(space.view(), space.rows());
  EXPECT_GE(test::mean_recall(*graph, space, queries, 10, 400), 0.95);
}

// Property: real data reaches the targets at small ef and 0.999 at large ef.
TEST(GraphSearch, RealDescriptors) {
  const test::RealSet sift = test::load_real_set("sift", 20000);
  if (sift.empty()) GTEST_SKIP() << "../shared/data/sift is missing";
  const TestSpace space(sift.base, Metric::l2, true);
  const auto graph = test::build_graph(space.view(), space.rows());
  VectorSet queries = sift.queries;
  queries.count = 100;
  EXPECT_GE(test::mean_recall(*graph, space, queries, 10, 100), 0.97);
  EXPECT_GE(test::mean_recall(*graph, space, queries, 10, 1000), 0.999);
}

// Property: results are unique, sorted, as many as ef, and hold no row that does not exist.
TEST(GraphSearch, ResultsAreSortedAndUnique) {
  const VectorSet base = test::gaussian_set(2000, 16, 41);
  const TestSpace space(base, Metric::l2, false);
  const auto graph = test::build_graph(space.view(), space.rows());
  ScratchPool pool;
  for (std::uint32_t ef : {1u, 10u, 100u, 2000u, 5000u}) {
    const Query query(base.row(7), space.view());
    std::vector<Candidate> found;
    const auto lease = pool.lease();
    EXPECT_TRUE(graph->search(space.view(), query, {1, ef}, {}, *lease, found, nullptr));
    EXPECT_EQ(found.size(), std::min(ef, 2000u));
    EXPECT_EQ(found.front().row, 7u);
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end(), [](auto& a, auto& b) { return a.distance < b.distance; }));
    std::set<Row> rows;
    for (const Candidate& c : found) rows.insert(c.row);
    EXPECT_EQ(rows.size(), found.size());
    EXPECT_LT(*rows.rbegin(), 2000u);
  }
}

// Property: an empty index answers with nothing, an index of one row with that row.
TEST(GraphSearch, EmptyAndOneRow) {
  const VectorSet base = test::gaussian_set(1, 8, 51);
  const TestSpace space(base, Metric::l2, false);
  const auto empty = test::build_graph(space.view(), 0);
  EXPECT_EQ(empty->rows(), 0u);
  EXPECT_EQ(empty->verify(space.view()), "");
  EXPECT_TRUE(test::search_graph_for(*empty, space.view(), base.row(0), 10, 10).empty());
  const auto one = test::build_graph(space.view(), 1);
  EXPECT_EQ(one->verify(space.view()), "");
  const auto found = test::search_graph_for(*one, space.view(), base.row(0), 10, 10);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].row, 0u);
}

// Property: the counters say what was measured, and a larger ef measures more.
TEST(GraphSearch, CountsItsWork) {
  const VectorSet base = test::gaussian_set(3000, 24, 61);
  const TestSpace space(base, Metric::l2, true);
  const auto graph = test::build_graph(space.view(), space.rows());
  SearchCounters small, large;
  test::search_graph_for(*graph, space.view(), base.row(1), 10, 16, {}, &small);
  test::search_graph_for(*graph, space.view(), base.row(1), 10, 256, {}, &large);
  EXPECT_GE(small.visited, 16u);
  EXPECT_GT(small.distances, small.visited);
  EXPECT_GT(large.distances, small.distances);
  EXPECT_LE(large.distances, 3000u + 200u);
}

}  // namespace
}  // namespace sagedb
