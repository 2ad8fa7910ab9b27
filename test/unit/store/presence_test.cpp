// Property: a map of who has a vector says for every row what was put last, in a larger copy as well, and counts the rows below any bound.
#include "store/presence.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace sagedb {
namespace {

TEST(Presence, SaysWhatWasPut) {
  std::mt19937_64 rng(1);
  std::shared_ptr<Presence> map;
  std::vector<bool> model;
  // Rows before the first map all had a vector.
  model.assign(100, true);
  for (int commit = 0; commit < 200; ++commit) {
    const auto known = static_cast<Row>(model.size());
    const Row more = static_cast<Row>(rng() % 90);
    const std::shared_ptr<Presence> before = map;
    map = with_room(map, known, known + more);
    // A commit that failed leaves bits of rows that do not exist yet.
    for (Row r = known; r < known + more; ++r) map->put(r, rng() % 2 == 0);
    for (Row r = known; r < known + more; ++r) {
      model.push_back(rng() % 3 == 0);
      map->put(r, model.back());
    }
    if (before) {
      ASSERT_EQ(before->has(known - 1), model[known - 1]) << "the old map stays";
    }
    const Row below = static_cast<Row>(rng() % (model.size() + 1));
    Row count = 0;
    for (Row r = 0; r < below; ++r) count += model[r] ? 1 : 0;
    ASSERT_EQ(map->count(below), count);
    for (Row r = 0; r < model.size(); ++r) ASSERT_EQ(map->has(r), model[r]) << r;
  }
}

}  // namespace
}  // namespace sagedb
