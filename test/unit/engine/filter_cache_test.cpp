// Row sets of filters are shared between searches that run at once.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "engine/filter_cache.h"
#include "support/engine_fixture.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;

std::string number_filter(std::uint32_t n) { return "{\"n\":" + std::to_string(n) + "}"; }

// The bug behind it: a search marked entries as used while another one sorted the entries by these marks; the sort left its array, and
// tables were freed twice.
TEST(FilterCache, SearchesThatRunAtOnceKeepAndReplaceEntries) {
  constexpr std::uint32_t kFilters = 3 * FilterCache::kEntries / 2, kRows = 4 * kFilters, kThreads = 4, kRounds = 300;
  auto db = SageDB::open(options_for(3, Metric::l2));
  std::mt19937_64 rng(11);
  std::vector<Vector> vectors;
  std::vector<std::string> metadata;
  for (std::uint32_t i = 0; i < kRows; ++i) {
    vectors.push_back(random_vector(rng, 3));
    metadata.push_back(number_filter(i % kFilters));
  }
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, vectors, {}, metadata)));
  std::atomic<long> wrong{0}, searches{0};
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 order(t + 1);
      const Vector query(3, 0.5f);
      for (std::uint32_t i = 0; i < kRounds * kFilters; ++i) {
        const std::uint32_t n = static_cast<std::uint32_t>(order() % kFilters);
        const SearchResult r = search_one(*db, query, kRows, 0, true, db->filter(number_filter(n)));
        if (r.hits.size() != kRows / kFilters) wrong += 1;
        for (const Hit& hit : r.hits)
          if ((hit.id.number() - 1) % kFilters != n) wrong += 1;
        searches += 1;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(searches, long{kThreads} * kRounds * kFilters);
}

// Entries that are used stay, whatever comes after them; what is kept stays within the limits.
TEST(FilterCache, KeepsWhatWasUsedLast) {
  Snapshot snapshot;
  snapshot.generation = std::make_shared<Generation>(options_for(3, Metric::l2));
  snapshot.row_count = 64;
  FilterCache cache;
  const auto rows = [&](std::uint32_t n) { return cache.rows(snapshot, cache.filter(number_filter(n))); };
  const std::shared_ptr<const RowSet> used = rows(0);
  for (std::uint32_t n = 1; n < 10 * FilterCache::kEntries; ++n) {
    const std::shared_ptr<const RowSet> once = rows(n);
    EXPECT_EQ(rows(n), once) << n;
    EXPECT_EQ(rows(0), used) << n;
    EXPECT_EQ(cache.filter(number_filter(n)), cache.filter(number_filter(n))) << "parsed again";
    EXPECT_LE(cache.bytes(), FilterCache::kEntries * (number_filter(n).size() + sizeof(std::uint64_t)));
  }
  const std::shared_ptr<const RowSet> forgotten = rows(1);
  EXPECT_EQ(forgotten.use_count(), 2) << "kept again";
  snapshot.row_count = static_cast<Row>(FilterCache::kBytes / 8 * 64);
  rows(2);
  EXPECT_LE(cache.bytes(), FilterCache::kBytes + 100);
}

}  // namespace
}  // namespace sagedb
