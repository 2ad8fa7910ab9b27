// What searches read of mapped segments is in memory of the process once they come in.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "engine/hot_pages.h"
#include "support/durable_fixture.h"
#include "support/temp_folder.h"

#if defined(__linux__)
#include <unistd.h>

namespace sagedb {
namespace {

namespace fs = std::filesystem;
using namespace sagedb::testing;

constexpr std::uint32_t kDimension = 256;
constexpr int kRows = 1500;

class Hot : public ::testing::Test {
 protected:
  void SetUp() override {
    std::mt19937_64 rng(3);
    auto db = SageDB::open(options());
    std::vector<Vector> rows;
    for (int i = 0; i < kRows; ++i) rows.push_back(random_vector(rng, kDimension));
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, rows)));
    db->build_index(nullptr, nullptr);
    db->checkpoint();
    db->close();
    for (int i = 0; i < 40; ++i) queries_.push_back(random_vector(rng, kDimension));
  }

  Options options(std::optional<std::uint64_t> hot = std::nullopt) const {
    Options o = options_for(kDimension, Metric::l2, IndexKind::hnsw, 1u << 20);
    o.path = folder_ / "db";
    o.hot_memory = hot;
    return o;
  }
  std::vector<std::vector<Hit>> answers(const SageDB& db) const {
    std::vector<std::vector<Hit>> out;
    for (const Vector& query : queries_) out.push_back(search_one(db, query, 10, 60).hits);
    return out;
  }
  static void expect_same(const std::vector<std::vector<Hit>>& got, const std::vector<std::vector<Hit>>& want) {
    for (std::size_t i = 0; i < want.size(); ++i) {
      ASSERT_EQ(got[i].size(), want[i].size());
      for (std::size_t j = 0; j < want[i].size(); ++j) {
        EXPECT_EQ(key_of(got[i][j].id), key_of(want[i][j].id));
        EXPECT_EQ(got[i][j].score, want[i][j].score);
      }
    }
  }
  // Searches until `bytes` are in memory, or for so long.
  std::uint64_t search_until(const SageDB& db, std::uint64_t bytes,
                             std::chrono::seconds longest = std::chrono::seconds(20)) const {
    const auto end = std::chrono::steady_clock::now() + longest;
    while (db.stats().hot_bytes < bytes && std::chrono::steady_clock::now() < end) {
      answers(db);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return db.stats().hot_bytes;
  }

  const TempFolder temp_;
  const fs::path folder_ = temp_.path();
  std::vector<Vector> queries_;
};

// Codes, 32 links and a parent of each row, and with them records, newest records and vectors; less the pages at the ends.
constexpr std::uint64_t kCodes = std::uint64_t{kRows} * kDimension;
constexpr std::uint64_t kAll = kCodes + std::uint64_t{kRows} * (33 * 4 + 32 + 4 + kDimension * 4);
constexpr std::uint64_t kEnds = 5 * 2 * 65536;

// Property: an open and a few searches move nothing; once searches come in, all that they read is moved, also for a reader, and answers are the same
// before, meanwhile and after, whatever becomes of the file.
TEST_F(Hot, SearchesMoveWhatTheyRead) {
  for (const bool read_only : {false, true}) {
    Options o = options();
    o.read_only = read_only;
    auto db = SageDB::open(o);
    const auto want = answers(*db);
    EXPECT_EQ(db->stats().hot_bytes, 0u);
    const std::uint64_t hot = search_until(*db, kAll - kEnds);
    EXPECT_GE(hot, kAll - kEnds);
    EXPECT_LE(hot, kAll + kEnds);
    expect_same(answers(*db), want);
    db->verify(nullptr, nullptr);
    if (!read_only) {
      // Writes and builds go on from there.
      expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {queries_[0]})));
      db->build_index(nullptr, nullptr);
      EXPECT_EQ(search_one(*db, queries_[0], 1, 60).hits[0].score, 0);
      expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, {search_one(*db, queries_[0], 1, 60).hits[0].id})));
      db->optimize(nullptr, nullptr);
      db->checkpoint();
    }
    db->close();
  }
  Options o = options();
  o.read_only = true;
  auto db = SageDB::open(o);
  const auto want = answers(*db);
  search_until(*db, kAll - kEnds);
  for (const auto& entry : fs::directory_iterator(o.path)) {
    if (entry.path().filename().string().rfind("codes-", 0) != 0) continue;
    // Whoever reads the file's pages reads this; the last of them is shared with what follows the codes, and stays the file's.
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(kCodes / 65536 * 65536, '\x55');
    ASSERT_TRUE(file.flush().good());
  }
  expect_same(answers(*db), want);
}

// Property: no more than the budget is moved, and nothing without one.
TEST_F(Hot, TheBudgetIsKept) {
  for (const std::uint64_t budget : {std::uint64_t{0}, std::uint64_t{200000}}) {
    auto db = SageDB::open(options(budget));
    const auto want = answers(*db);
    const std::uint64_t hot =
        budget == 0 ? search_until(*db, 1, std::chrono::seconds(2)) : search_until(*db, budget - 2 * 65536);
    EXPECT_LE(hot, budget);
    if (budget > 0) EXPECT_GE(hot, budget - 2 * 65536);
    expect_same(answers(*db), want);
  }
}

// Property: what belongs to a mapping that is gone is neither touched nor counted.
TEST(HotPages, RangesMayVanish) {
  HotPages hot(1u << 30);
  EXPECT_FALSE(hot.due(1000));
  auto owner = std::make_shared<int>(1);
  hot.offer({HotRange{owner, nullptr, 1u << 20}});
  EXPECT_FALSE(hot.due(1));
  EXPECT_TRUE(hot.due(1000));
  owner.reset();
  hot.step();
  EXPECT_FALSE(hot.due(1000));
  EXPECT_EQ(hot.bytes(), 0u);
}

}  // namespace
}  // namespace sagedb
#endif
