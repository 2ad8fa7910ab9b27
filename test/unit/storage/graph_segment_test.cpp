// The graph's segment gives back what was written; numbers out of range are refused.
#include "storage/graph_segment.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/status.h"
#include "support/graph_harness.h"
#include "support/sim_env.h"

namespace sagedb {
namespace {

using test::SimDisk;
using test::SimEnv;
using test::TestSpace;

constexpr const char* kPath = "/graph-000001.seg";

std::shared_ptr<const GraphIndex> built(const TestSpace& space) {
  return std::dynamic_pointer_cast<const GraphIndex>(test::build_graph(space.view(), space.rows()));
}

void write(Env& env, const GraphIndex& graph) {
  FileHeader header;
  header.kind = FileKind::graph;
  header.number = 1;
  SegmentWriter out(env, kPath, header);
  write_graph(graph, out);
  out.finish(graph.rows());
}

std::shared_ptr<const GraphIndex> read(Env& env) {
  return read_graph(SegmentReader::open(env, kPath, FileKind::graph, Uuid(), true));
}

TEST(GraphSegment, GivesBackWhatWasWritten) {
  const test::ClusteredSource source(512, 20, 3);
  const TestSpace space(source.rows(0, 2000), Metric::l2, true);
  const auto graph = built(space);
  SimEnv env{SimDisk()};
  write(env, *graph);
  const auto again = read(env);
  const GraphData &a = graph->data(), &b = again->data();
  EXPECT_EQ(again->verify(space.view()), "");
  EXPECT_EQ(b.entry, a.entry);
  EXPECT_EQ(b.fragile, a.fragile);
  ASSERT_GT(a.stop.bytes, 0u);
  EXPECT_EQ(b.stop.bytes, a.stop.bytes);
  EXPECT_EQ(b.stop.share, a.stop.share);
  const test::VectorSet queries = source.rows(1u << 20, 50);
  for (std::size_t q = 0; q < queries.count; ++q) {
    const auto x = test::search_graph_for(*graph, space.view(), queries.row(q), 10, 20);
    const auto y = test::search_graph_for(*again, space.view(), queries.row(q), 10, 20);
    ASSERT_EQ(x.size(), y.size());
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i].row, y[i].row);
  }
}

TEST(GraphSegment, RefusesAShareOutOfRange) {
  const test::ClusteredSource source(512, 20, 3);
  const TestSpace space(source.rows(0, 2000), Metric::l2, true);
  for (const float share : {std::nanf(""), -0.5f, 1.5f, HUGE_VALF}) {
    auto graph = built(space);
    const_cast<GraphData&>(graph->data()).stop.share = share;
    SimEnv env{SimDisk()};
    write(env, *graph);
    try {
      read(env);
      ADD_FAILURE() << share;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::CORRUPTION);
    }
  }
}

// Kernels read the rest of a code in whole cache lines: from elsewhere they would read beyond its end.
TEST(GraphSegment, RefusesAnEarlyStopWithinACacheLine) {
  const test::ClusteredSource source(512, 20, 3);
  const TestSpace space(source.rows(0, 2000), Metric::l2, true);
  for (const std::uint32_t bytes : {1u, 100u, 129u}) {
    auto graph = built(space);
    const_cast<GraphData&>(graph->data()).stop.bytes = bytes;
    SimEnv env{SimDisk()};
    write(env, *graph);
    try {
      read(env);
      ADD_FAILURE() << bytes;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::CORRUPTION);
    }
  }
}

}  // namespace
}  // namespace sagedb
