#include "index/filtered_search.h"

#include <gtest/gtest.h>

#include <functional>

#include "support/graph_harness.h"

namespace sagedb {
namespace {

using test::TestSelector;
using test::TestSpace;
using test::VectorSet;

constexpr Row kRows = 20000;

// One graph for all tests of this file: 40 clusters, so that filters can follow them.
struct World {
  test::ClusteredSource source{48, 40, 5};
  VectorSet base = source.rows(0, kRows);
  VectorSet queries = source.rows(1000000, 60);
  TestSpace space{base, Metric::cosine, true};
  std::shared_ptr<const Index> graph = test::build_graph(space.view(), kRows);
};
const World& world() {
  static const World w;
  return w;
}

bool drawn(Row r, double share) { return (r * 2654435761u >> 8) % 100000 < share * 100000; }

struct Outcome {
  double recall = 0;
  bool complete = true;  // every search gave min(k, matching) rows, all of them accepted
};

Outcome run(std::uint32_t ef, const std::function<void(std::size_t, TestSelector&)>& restrict_query,
            std::size_t queries = 60) {
  const World& w = world();
  Outcome outcome;
  for (std::size_t q = 0; q < queries; ++q) {
    TestSelector s(kRows);
    restrict_query(q, s);
    const RowSelector selector = s.selector();
    const auto found = test::search_graph_for(*w.graph, w.space.view(), w.queries.row(q), 10, ef, selector);
    outcome.recall +=
        test::recall_of(found, w.space.exact(w.queries.row(q), 10, selector)) / static_cast<double>(queries);
    outcome.complete &= found.size() == std::min<std::size_t>(10, s.matching());
    for (const Candidate& c : found) outcome.complete &= selector.accepts(c.row);
  }
  return outcome;
}

class FilterShare : public ::testing::TestWithParam<double> {};

// Property: filters that have nothing to do with the vectors keep recall at every selectivity.
TEST_P(FilterShare, Independent) {
  const double share = GetParam();
  const Outcome o = run(80, [share](std::size_t q, TestSelector& s) {
    for (Row r = 0; r < kRows; ++r)
      if (drawn(r + static_cast<Row>(q) * 7919, share)) s.allow(r);
  });
  EXPECT_TRUE(o.complete);
  EXPECT_GE(o.recall, 0.95);
}

// Property: filters that allow mostly the query's own clusters.
TEST_P(FilterShare, Correlated) {
  const double share = GetParam();
  const Outcome o = run(80, [share](std::size_t q, TestSelector& s) {
    const World& w = world();
    const std::size_t own = w.source.cluster_of(1000000 + q);
    for (Row r = 0; r < kRows; ++r)
      if (drawn(r, w.source.cluster_of(r) == own ? std::min(1.0, share * 20) : share * 0.5)) s.allow(r);
  });
  EXPECT_TRUE(o.complete);
  EXPECT_GE(o.recall, 0.95);
}

// Property: the hard case, filters that allow nothing of the query's cluster.
TEST_P(FilterShare, AntiCorrelated) {
  const double share = GetParam();
  const Outcome o = run(80, [share](std::size_t q, TestSelector& s) {
    const World& w = world();
    const std::size_t own = w.source.cluster_of(1000000 + q);
    for (Row r = 0; r < kRows; ++r)
      if (w.source.cluster_of(r) != own && drawn(r, share)) s.allow(r);
  });
  EXPECT_TRUE(o.complete);
  EXPECT_GE(o.recall, 0.95);
}
INSTANTIATE_TEST_SUITE_P(Shares, FilterShare, ::testing::Values(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.9));

class DeletedShare : public ::testing::TestWithParam<int> {};

// Property: tombstones never come back and never reduce k, however many there are.
TEST_P(DeletedShare, Independent) {
  const int percent = GetParam();
  const Outcome o = run(
      80,
      [percent](std::size_t, TestSelector& s) {
        for (Row r = 0; r < kRows; ++r)
          if (drawn(r, percent / 100.0)) s.remove(r);
      },
      30);
  EXPECT_TRUE(o.complete);
  EXPECT_GE(o.recall, 0.95);
}
INSTANTIATE_TEST_SUITE_P(Percents, DeletedShare, ::testing::Values(0, 1, 10, 50, 90, 99));

// Property: when every row near the query is deleted, the search goes on until it has k others. (Beyond rank 3,000 rows are nearly
// equidistant and codes cannot tell them apart: recall needs a larger ef, also for a scan of all codes.)
TEST(FilteredSearch, EverythingNearIsDeleted) {
  const auto remove_nearest = [](std::size_t q, TestSelector& s) {
    const World& w = world();
    for (const Candidate& c : w.space.exact(w.queries.row(q), 3000)) s.remove(c.row);
  };
  EXPECT_TRUE(run(20, remove_nearest, 20).complete);
  const Outcome o = run(500, remove_nearest, 20);
  EXPECT_TRUE(o.complete);
  EXPECT_GE(o.recall, 0.95);
}

// Property: tombstones and filter together; and a filter that matches fewer rows than k gives exactly those.
TEST(FilteredSearch, TombstonesAndFilter) {
  const Outcome o = run(80, [](std::size_t, TestSelector& s) {
    for (Row r = 0; r < kRows; ++r) {
      if (drawn(r, 0.3)) s.remove(r);
      if (drawn(r * 31 + 7, 0.3)) s.allow(r);
    }
  });
  EXPECT_TRUE(o.complete);
  EXPECT_GE(o.recall, 0.95);
  const Outcome few = run(80, [](std::size_t q, TestSelector& s) {
    for (Row r = 0; r < 6; ++r) s.allow(static_cast<Row>(q) * 50 + r * 3000);
    s.remove(static_cast<Row>(q) * 50);
  });
  EXPECT_TRUE(few.complete);
  EXPECT_NEAR(few.recall, 1.0, 1e-9);
}

// Property: allowed bits of rows that the index does not cover yet are ignored.
TEST(FilteredSearch, IgnoresRowsBehindTheIndex) {
  const World& w = world();
  const auto half = test::build_graph(w.space.view(), 5000);
  for (const double share : {0.01, 0.2, 0.9}) {
    TestSelector s(kRows);
    for (Row r = 0; r < kRows; ++r)
      if (r >= 5000 || drawn(r, share)) s.allow(r);
    const auto found = test::search_graph_for(*half, w.space.view(), w.queries.row(0), 10, 60, s.selector());
    EXPECT_EQ(found.size(), 10u);
    for (const Candidate& c : found) EXPECT_LT(c.row, 5000u);
  }
}

// Property: the plan follows the cost: few matches are scanned, many are traversed.
TEST(FilterPlan, FollowsTheCost) {
  FilterInputs in{1000000, 0, 64, 16, 768};
  in.allowed = 500;
  EXPECT_EQ(choose_filter_plan(in).plan, FilterPlan::scan);
  in.allowed = 950000;
  EXPECT_EQ(choose_filter_plan(in).plan, FilterPlan::traverse);
  in.allowed = 100000;
  EXPECT_NE(choose_filter_plan(in).plan, FilterPlan::scan);
  in.rows = 0;
  EXPECT_EQ(choose_filter_plan(in).plan, FilterPlan::none);
}

// Property: a filter costs no more than a few scans of its matches, also where traversal is in vain.
TEST(FilteredSearch, CostIsBounded) {
  const World& w = world();
  for (const double share : {0.02, 0.1, 0.3}) {
    TestSelector s(kRows);
    const std::size_t own = w.source.cluster_of(1000000);
    for (Row r = 0; r < kRows; ++r)
      if (w.source.cluster_of(r) != own && drawn(r, share)) s.allow(r);
    SearchCounters counters;
    test::search_graph_for(*w.graph, w.space.view(), w.queries.row(0), 10, 64, s.selector(), &counters);
    EXPECT_LE(counters.distances, 4.0 * s.matching() + 5000) << "share " << share;
  }
}

// A search that meets too few matches at first goes on from what it dropped, instead of measuring every match.
TEST(FilteredSearch, GoesOnFromWhatItDropped) {
  const World& w = world();
  std::uint64_t distances = 0, matching = 0;
  for (std::size_t q = 0; q < 20; ++q) {
    TestSelector s(kRows);
    const std::size_t own = w.source.cluster_of(1000000 + q);
    for (Row r = 0; r < kRows; ++r)
      if (drawn(r, w.source.cluster_of(r) == own ? 0.1 : 0.5)) s.allow(r);
    SearchCounters counters;
    const std::vector<Candidate> found =
        test::search_graph_for(*w.graph, w.space.view(), w.queries.row(q), 10, 24, s.selector(), &counters);
    EXPECT_EQ(found.size(), 10u);
    EXPECT_EQ(counters.plan, FilterPlan::traverse);
    distances += counters.distances, matching += s.matching();
  }
  EXPECT_LE(distances, matching / 4);
}

}  // namespace
}  // namespace sagedb
