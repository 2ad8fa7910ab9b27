// How many threads a batch gets.
#include "engine/team_size.h"

#include <gtest/gtest.h>

#include <thread>

#include "support/engine_fixture.h"
#include "support/traced_algorithm.h"

namespace sagedb {
namespace {

using std::chrono::microseconds;

void measure(TeamSize& team, microseconds search, int times) {
  for (int i = 0; i < times; ++i) team.measured(search * 10, 10);
}

TEST(TeamSize, AllThreadsWhileNothingIsKnown) {
  const TeamSize team;
  EXPECT_EQ(team.of(2, 8), 8);
  EXPECT_EQ(team.of(2, 0), 1);
}

// Property: a thread gets work for as long as it takes to wake it; what is shorter stays where it is.
TEST(TeamSize, ShortBatchesStayOnOneThread) {
  TeamSize team;
  measure(team, microseconds(16), 1);
  EXPECT_EQ(team.of(1, 8), 1);
  EXPECT_EQ(team.of(4, 8), 1);
  EXPECT_EQ(team.of(7, 8), 2);
  EXPECT_EQ(team.of(16, 8), 5);
  EXPECT_EQ(team.of(16, 2), 2);
  EXPECT_EQ(team.of(1000, 8), 8);
  EXPECT_EQ(team.of(std::size_t{1} << 62, 8), 8);
}

TEST(TeamSize, LongSearchesGetAThreadEach) {
  TeamSize team;
  measure(team, microseconds(400), 1);
  EXPECT_EQ(team.of(2, 8), 8);
  EXPECT_EQ(team.of(2, 2), 2);
}

// Property: it follows what searches cost now, in both directions, sooner upwards, and one that was held up changes little.
TEST(TeamSize, FollowsTheCost) {
  TeamSize team;
  measure(team, microseconds(16), 1);
  team.measured(std::chrono::seconds(1), 1);
  EXPECT_EQ(team.of(3, 8), 1);
  measure(team, microseconds(400), 6);
  EXPECT_EQ(team.of(2, 2), 2);
  measure(team, microseconds(16), 6);
  EXPECT_EQ(team.of(2, 2), 2);
  measure(team, microseconds(16), 60);
  EXPECT_EQ(team.of(4, 8), 1);
}

TEST(TeamSize, TimesOfNothingAreTimes) {
  TeamSize team;
  team.measured(std::chrono::nanoseconds(0), 5);
  EXPECT_EQ(team.of(100, 8), 1);
  EXPECT_EQ(team.of(1'000'000, 8), 8);
  measure(team, microseconds(400), 100);
  EXPECT_EQ(team.of(2, 2), 2);
}

// Property: searches that become expensive get a thread each within a few batches, however many were cheap before.
TEST(TeamSize, ExpensiveSearchesOfADatabaseRunAtOnce) {
  using namespace testing;
  const auto controls = std::make_shared<TraceControls>();
  Options o = options_for(2, Metric::l2);
  o.threads = 4;
  const auto db = SageDB::open(o, std::make_unique<TracedAlgorithm>(controls));
  for (int i = 0; i < 200; ++i) expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {{1, static_cast<float>(i)}})));
  db->build_index(nullptr, nullptr);
  const Vector query{1, 2};
  for (int i = 0; i < 300; ++i) search_one(*db, query, 1);
  SearchRequest request;
  request.vector = query.data();
  request.k = 1;
  const std::vector<SearchRequest> batch(4, request);
  controls->pause_ms = 2;
  for (int i = 0; i < 12; ++i) db->search(batch.data(), batch.size());
  // Nobody leaves before all have met: how long a thread takes to start says nothing.
  controls->hold_searches = true;
  std::thread searcher([&] { db->search(batch.data(), batch.size()); });
  const auto late = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (controls->searching < 4 && std::chrono::steady_clock::now() < late) std::this_thread::yield();
  EXPECT_EQ(controls->searching.load(), 4);
  controls->hold_searches = false;
  searcher.join();
}

}  // namespace
}  // namespace sagedb
