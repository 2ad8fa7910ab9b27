// How many threads a batch gets.
#include "engine/team_size.h"

#include <gtest/gtest.h>

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

// Property: it follows what searches cost now, in both directions, and one that was held up changes little.
TEST(TeamSize, FollowsTheCost) {
  TeamSize team;
  measure(team, microseconds(16), 1);
  team.measured(std::chrono::seconds(1), 1);
  EXPECT_EQ(team.of(4, 8), 1);
  measure(team, microseconds(400), 100);
  EXPECT_EQ(team.of(2, 2), 2);
  measure(team, microseconds(16), 100);
  EXPECT_EQ(team.of(4, 8), 1);
}

TEST(TeamSize, TimesOfNothingAreTimes) {
  TeamSize team;
  team.measured(std::chrono::nanoseconds(0), 5);
  EXPECT_EQ(team.of(1000, 8), 1);
  EXPECT_EQ(team.of(1'000'000, 8), 8);
}

}  // namespace
}  // namespace sagedb
