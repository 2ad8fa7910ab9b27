// Old rows of an index that growth has not checked are checked in the background, and before optimize() returns.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "engine/build_scheduler.h"
#include "index/flat_index.h"
#include "support/engine_fixture.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;

constexpr Row kOwed = static_cast<Row>(3 * kTidyRows - 5);

struct Tally {
  std::atomic<int> builds{0}, tidyings{0};
  std::atomic<std::int64_t> unchecked{0};  // of the newest index
};

// An exact index that owes checks after every growth by new rows.
class OwingIndex final : public Index {
 public:
  OwingIndex(Row rows, Row owed) : flat_(rows), owed_(owed) {}
  const char* name() const noexcept override { return "owing"; }
  Row rows() const noexcept override { return flat_.rows(); }
  bool search(const SpaceView& space, const Query& query, const SearchParams& params, const RowSelector& selector,
              SearchScratch& scratch, std::vector<Candidate>& out, SearchCounters* counters) const override {
    return flat_.search(space, query, params, selector, scratch, out, counters);
  }
  std::size_t memory_bytes() const noexcept override { return 0; }
  std::string verify(const SpaceView& space) const override { return flat_.verify(space); }
  Row unchecked() const noexcept override { return owed_; }

 private:
  const FlatIndex flat_;
  const Row owed_;
};

class OwingAlgorithm final : public AnnsAlgorithm {
 public:
  explicit OwingAlgorithm(std::shared_ptr<Tally> tally) : tally_(std::move(tally)) {}
  const char* name() const noexcept override { return "owing"; }
  bool uses_codes() const noexcept override { return false; }
  std::shared_ptr<const Index> grow(const SpaceView&, std::shared_ptr<const Index> base, Row rows,
                                    std::shared_ptr<const Index>, const BuildContext& context) const override {
    Row owed = kOwed;
    if (base != nullptr && base->rows() == rows) {
      owed = base->unchecked() - std::min(base->unchecked(), static_cast<Row>(context.old_checks));
      tally_->tidyings += 1;
    } else {
      EXPECT_EQ(context.old_checks, 0u);
      tally_->builds += 1;
    }
    tally_->unchecked = owed;
    return std::make_shared<const OwingIndex>(rows, owed);
  }
  std::shared_ptr<const Index> compact(const SpaceView&, std::shared_ptr<const Index>, const RowRemap& remap,
                                       const BuildContext&) const override {
    return std::make_shared<const OwingIndex>(remap.new_count, 0);
  }

 private:
  const std::shared_ptr<Tally> tally_;
};

struct Database {
  std::shared_ptr<Tally> tally = std::make_shared<Tally>();
  std::shared_ptr<SageDB> db =
      SageDB::open(options_for(4, Metric::l2, IndexKind::hnsw, 100), std::make_unique<OwingAlgorithm>(tally));
  std::mt19937_64 rng{5};

  void add(int count) {
    std::vector<Vector> batch;
    for (int i = 0; i < count; ++i) batch.push_back(random_vector(rng, 4));
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, batch)));
  }
};

TEST(Tidy, OptimizeWaitsForIt) {
  Database d;
  d.add(50);
  EXPECT_EQ(d.tally->builds, 0);
  d.db->optimize(nullptr, nullptr);
  EXPECT_EQ(d.tally->builds, 1);
  EXPECT_EQ(d.tally->unchecked, 0);
  EXPECT_EQ(d.tally->tidyings, 3);
  EXPECT_EQ(d.db->stats().index_rebuilds, 1u);
  d.db->optimize(nullptr, nullptr);
  EXPECT_EQ(d.tally->tidyings, 3) << "nothing is owed";
}

TEST(Tidy, HappensByItselfAfterABuildThatNobodyAskedFor) {
  Database d;
  d.add(150);
  for (int i = 0; i < 1500 && (d.tally->builds == 0 || d.tally->unchecked > 0); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(d.tally->builds, 1);
  EXPECT_EQ(d.tally->unchecked, 0);
  EXPECT_EQ(d.db->stats().index_rebuilds, 1u);
}

// While searches come in, nothing is checked that nobody waits for; afterwards it is.
TEST(Tidy, WaitsUntilNobodySearches) {
  Database d;
  d.add(50);
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) search_one(*d.db, Vector{1, 2, 3, 4}, 3);
  });
  while (d.db->stats().total_searches == 0) std::this_thread::yield();
  d.add(100);
  for (int i = 0; i < 1500 && d.tally->builds == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(d.tally->builds, 1);
  EXPECT_EQ(d.tally->tidyings, 0);
  stop = true;
  reader.join();
  for (int i = 0; i < 1500 && d.tally->unchecked > 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(d.tally->unchecked, 0);
}

// A turn that is called for again and again while rows come in does not keep optimize() from returning.
TEST(Tidy, SteadyWritesDoNotHoldOptimize) {
  Database d;
  d.add(50);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop) d.add(100);
  });
  for (int i = 0; i < 5; ++i) d.db->optimize(nullptr, nullptr);
  stop = true;
  writer.join();
  EXPECT_GT(d.tally->tidyings, 0);
}

}  // namespace
}  // namespace sagedb
