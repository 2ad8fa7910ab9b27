// When to work in the background: decisions on numbers of rows.
#include "engine/build_scheduler.h"

#include <gtest/gtest.h>

namespace sagedb {
namespace {

Snapshot with_rows(Row rows, Row dead) {
  Snapshot s;
  s.row_count = s.record_count = rows;
  s.dead_rows = dead;
  s.live_count = rows - dead;
  return s;
}

// Property: writers who replace the same items again and again leave a compaction its turn, however many rows wait for a build; others leave it to builds.
TEST(BuildScheduler, MostlyDeadRowsAreCompactedFirst) {
  Options options;
  options.dimension = 4;
  options.spaces = {{"", 4, Metric::l2, false}};
  options.rebuild_threshold = 1000;
  WorkRequests requests;
  for (const bool idle : {false, true}) {
    requests.idle = idle;
    EXPECT_EQ(choose_work(with_rows(10000, 9900), options, requests), Work::compact);
    EXPECT_EQ(choose_work(with_rows(10000, 4900), options, requests), Work::build);
    EXPECT_EQ(choose_work(with_rows(1050, 950), options, requests), Work::build) << "too few to be worth it";
  }
  requests.retry_rows = 20000;
  EXPECT_EQ(choose_work(with_rows(10000, 9900), options, requests), Work::none) << "it failed a moment ago";
}

}  // namespace
}  // namespace sagedb
