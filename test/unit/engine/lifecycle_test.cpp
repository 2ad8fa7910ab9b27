// Builds that fail, hang or are cancelled; closing at any moment; retired snapshots.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "engine/engine_state.h"
#include "engine/storage.h"
#include "engine/writer.h"
#include "support/engine_fixture.h"
#include "support/fault_algorithm.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;

struct Harness {
  std::shared_ptr<BuildControls> controls = std::make_shared<BuildControls>();
  std::shared_ptr<SageDB> db;
  std::mt19937_64 rng{7};

  explicit Harness(std::uint32_t threshold = 100, std::uint32_t dimension = 16) {
    const Options o = options_for(dimension, Metric::l2, IndexKind::hnsw, threshold);
    db = SageDB::open(o, std::make_unique<FaultAlgorithm>(create_anns_algorithm("hnsw", o.index), controls));
  }
  void add(int count) {
    std::vector<Vector> batch;
    for (int i = 0; i < count; ++i) batch.push_back(random_vector(rng, db->options().dimension));
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, batch)));
  }
  template <typename Condition>
  bool eventually(const Condition& condition) {
    for (int i = 0; i < 5000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }
};

ErrorCode code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.code();
  }
  ADD_FAILURE() << "expected an Error";
  return ErrorCode::INTERNAL;
}

TEST(Lifecycle, CrossingTheThresholdBuildsByItselfAndOnlyOnceAtATime) {
  Harness h;
  h.add(99);
  EXPECT_EQ(h.db->stats().index_rebuilds, 0u);
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&, t] {
      std::mt19937_64 rng(static_cast<std::uint64_t>(t));
      for (int i = 0; i < 300; ++i) expect_ok(apply_one(*h.db, op_of(WriteOp::Kind::add, {random_vector(rng, 16)})));
    });
  }
  for (auto& t : writers) t.join();
  EXPECT_TRUE(h.eventually([&] { return h.db->stats().fresh_rows < 100; }));
  EXPECT_EQ(h.controls->most_running.load(), 1);
  EXPECT_GT(h.controls->started.load(), 0);
}

TEST(Lifecycle, SearchesAndWritesGoOnWhileABuildHangs) {
  Harness h;
  h.controls->hold = true;
  h.add(150);
  ASSERT_TRUE(h.eventually([&] { return h.db->stats().building; }));
  const Vector v = random_vector(h.rng, 16);
  expect_ok(apply_one(*h.db, op_of(WriteOp::Kind::add, {v}, {ExternalId(std::string("mine"))})));
  const SearchResult r = search_one(*h.db, v, 1);
  ASSERT_EQ(r.hits.size(), 1u);
  EXPECT_EQ(r.hits[0].id.text(), "mine");
  EXPECT_EQ(h.db->stats().indexed_rows, 0u);
  h.controls->hold = false;
  EXPECT_TRUE(h.eventually([&] { return h.db->stats().indexed_rows >= 150; }));
}

TEST(Lifecycle, AFailedBuildKeepsTheOldSnapshotIsReportedAndCanBeRetried) {
  for (const bool in_parallel : {false, true}) {
    Harness h;
    h.controls->fail = 1;
    h.controls->fail_in_parallel = in_parallel;
    h.add(150);
    ASSERT_TRUE(h.eventually([&] { return !h.db->stats().last_error.empty(); }));
    EXPECT_EQ(h.db->stats().index_version, 0u);
    EXPECT_EQ(search_one(*h.db, random_vector(h.rng, 16), 10).hits.size(), 10u);
    h.controls->fail = 1;
    EXPECT_EQ(code_of([&] { h.db->build_index(nullptr, nullptr); }),
              in_parallel ? ErrorCode::OUT_OF_MEMORY : ErrorCode::BUILD_FAILED);
    h.db->build_index(nullptr, nullptr);
    EXPECT_EQ(h.db->stats().indexed_rows, 150u);
    EXPECT_EQ(h.db->stats().last_error, "");
  }
}

TEST(Lifecycle, AFailedCompactionChangesNothing) {
  Harness h(1000);
  h.add(500);
  h.db->build_index(nullptr, nullptr);
  std::vector<ExternalId> ids;
  for (int i = 1; i <= 50; ++i) ids.emplace_back(std::int64_t{i});
  EXPECT_EQ(apply_one(*h.db, op_of(WriteOp::Kind::remove, {}, ids)).affected, 50u);
  h.controls->fail = 1;
  EXPECT_EQ(code_of([&] { h.db->optimize(nullptr, nullptr); }), ErrorCode::BUILD_FAILED);
  EXPECT_EQ(h.db->stats().deleted_rows, 50u);
  EXPECT_EQ(search_one(*h.db, random_vector(h.rng, 16), 450).hits.size(), 450u);
  h.add(10);
  h.db->optimize(nullptr, nullptr);
  EXPECT_EQ(h.db->stats().deleted_rows, 0u);
  EXPECT_EQ(h.db->size(), 460u);
}

// Invariant 2 and the compactor's replay: writes of every kind made while a compaction is held are all there afterwards.
TEST(Lifecycle, WritesDuringACompactionSurviveTheSwitch) {
  Harness h(100000);
  h.add(400);
  h.db->build_index(nullptr, nullptr);
  EXPECT_EQ(apply_one(*h.db, op_of(WriteOp::Kind::remove, {}, {ExternalId(std::int64_t{1})})).affected, 1u);
  h.controls->hold = true;
  std::thread optimizer([&] { h.db->optimize(nullptr, nullptr); });
  const int before = h.controls->started.load();
  ASSERT_TRUE(h.eventually([&] { return h.controls->running.load() == 1 && h.controls->started.load() >= before; }));
  const Vector moved = random_vector(h.rng, 16), added = random_vector(h.rng, 16);
  expect_ok(apply_one(*h.db, op_of(WriteOp::Kind::update, {moved}, {ExternalId(std::int64_t{2})})));
  expect_ok(apply_one(*h.db, op_of(WriteOp::Kind::update, {}, {ExternalId(std::int64_t{3})}, {"{\"a\":1}"})));
  expect_ok(apply_one(*h.db, op_of(WriteOp::Kind::remove, {}, {ExternalId(std::int64_t{4})})));
  expect_ok(apply_one(*h.db, op_of(WriteOp::Kind::add, {added}, {ExternalId(std::string("new"))})));
  expect_ok(apply_one(*h.db, op_of(WriteOp::Kind::upsert, {added}, {ExternalId(std::string("brief"))})));
  expect_ok(apply_one(*h.db, op_of(WriteOp::Kind::remove, {}, {ExternalId(std::string("brief"))})));
  h.controls->hold = false;
  optimizer.join();
  EXPECT_EQ(h.db->stats().compactions, 1u);
  EXPECT_EQ(h.db->size(), 399u);
  EXPECT_EQ(search_one(*h.db, moved, 1).hits.at(0).id.number(), 2);
  EXPECT_EQ(search_one(*h.db, added, 1).hits.at(0).id.text(), "new");
  EXPECT_EQ(h.db->get({ExternalId(std::int64_t{3})}, true, false).at(0)->metadata, "{\"a\":1}");
  const std::vector<bool> has = h.db->has({ExternalId(std::int64_t{1}), ExternalId(std::int64_t{4}),
                                           ExternalId(std::string("brief")), ExternalId(std::int64_t{5})});
  EXPECT_EQ(has, (std::vector<bool>{false, false, false, true}));
  for (const Hit& hit : search_one(*h.db, added, 399, 0, true).hits)
    EXPECT_TRUE(hit.id.is_string() || (hit.id.number() != 1 && hit.id.number() != 4));
}

// Property: a commit beside a compaction does not copy what is noted of all commits before it.
TEST(Lifecycle, ALongJournalIsSeldomCopied) {
  constexpr int kRows = 5000;
  const auto state = std::make_shared<EngineState>(options_for(4, Metric::l2, IndexKind::flat), nullptr);
  Writer writer(state);
  const auto write = [&](WriteOp op) {
    std::vector<WriteOp> ops;
    ops.push_back(std::move(op));
    expect_ok(writer.apply(ops).at(0));
  };
  write(op_of(WriteOp::Kind::add, std::vector<Vector>(kRows, Vector(4, 0.5f))));
  ChangeJournal journal;
  {
    FifoLock lock(state->writer_mutex);
    state->journal = &journal;
  }
  int copies = 0;
  for (int i = 1; i <= kRows; ++i) {
    const std::size_t room = journal.deleted.capacity();
    const std::vector<ExternalId> id{ExternalId(std::int64_t{i})};
    write(i % 2 == 0 ? op_of(WriteOp::Kind::remove, {}, id) : op_of(WriteOp::Kind::update, {}, id, {"{}"}));
    if (journal.deleted.capacity() != room) ++copies;
  }
  EXPECT_EQ(journal.deleted.size(), std::size_t{kRows});
  EXPECT_LT(copies, 50);
}

TEST(Lifecycle, CancellingABuildLeavesTheDatabaseUsable) {
  Harness h;
  h.controls->hold = true;
  h.add(50);
  CancelToken cancel;
  std::thread canceller([&] {
    h.eventually([&] { return h.controls->running.load() == 1; });
    cancel.cancel();
  });
  EXPECT_EQ(code_of([&] { h.db->build_index(&cancel, nullptr); }), ErrorCode::ABORTED);
  canceller.join();
  h.controls->hold = false;
  Progress progress;
  h.db->build_index(nullptr, &progress);
  EXPECT_EQ(progress.done.load(), 50u);
  EXPECT_EQ(progress.total.load(), 50u);
  EXPECT_EQ(h.db->stats().indexed_rows, 50u);
}

TEST(Lifecycle, CloseCancelsTheBuildReleasesWaitersAndRefusesNewCalls) {
  Harness h;
  h.controls->hold = true;
  h.add(150);
  Progress progress;
  std::thread waiter([&] { EXPECT_EQ(code_of([&] { h.db->build_index(nullptr, &progress); }), ErrorCode::ABORTED); });
  // A waiter that has not entered its call yet would be refused instead of released.
  ASSERT_TRUE(h.eventually([&] { return h.controls->running.load() == 1 && progress.total.load() > 0; }));
  h.db->close();
  waiter.join();
  h.db->close();
  EXPECT_TRUE(h.db->closed());
  EXPECT_EQ(h.controls->running.load(), 0);
  SearchRequest request;
  EXPECT_EQ(code_of([&] { h.db->search(&request, 1); }), ErrorCode::CLOSED);
  std::vector<WriteOp> ops(1);
  EXPECT_EQ(code_of([&] { h.db->apply(ops); }), ErrorCode::CLOSED);
  EXPECT_EQ(code_of([&] { h.db->stats(); }), ErrorCode::CLOSED);
}

TEST(Lifecycle, CloseUnderLoadNeverTearsACall) {
  for (int round = 0; round < 20; ++round) {
    Harness h(50);
    std::atomic<long> answered{0}, closed{0}, other{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        std::mt19937_64 rng(static_cast<std::uint64_t>(t + round * 10));
        for (;;) {
          try {
            const Vector v = random_vector(rng, 16);
            std::vector<WriteOp> ops;
            ops.push_back(op_of(WriteOp::Kind::add, {v}));
            if (t % 2 == 0) h.db->apply(ops);
            SearchRequest request;
            request.vector = v.data();
            if (h.db->search(&request, 1).at(0).error) other += 1;
            answered += 1;
          } catch (const Error& e) {
            (e.code() == ErrorCode::CLOSED ? closed : other) += 1;
            return;
          }
        }
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(3 * round));
    h.db->close();
    for (auto& t : threads) t.join();
    EXPECT_EQ(closed, 4);
    EXPECT_EQ(other, 0);
  }
}

// A compaction that is under way when optimize() is called began before the caller's deletes: it does not count.
TEST(Lifecycle, OptimizeWaitsForACompactionThatBeganAfterTheCall) {
  Harness h(100);
  h.add(500);
  h.db->build_index(nullptr, nullptr);
  h.controls->hold = true;
  std::vector<ExternalId> many;
  for (int i = 1; i <= 200; ++i) many.emplace_back(std::int64_t{i});
  expect_ok(apply_one(*h.db, op_of(WriteOp::Kind::remove, {}, many)));  // starts a compaction by itself
  ASSERT_TRUE(h.eventually([&] { return h.controls->running.load() == 1; }));
  expect_ok(apply_one(*h.db, op_of(WriteOp::Kind::remove, {}, {ExternalId(std::int64_t{300})})));
  std::thread optimizer([&] { h.db->optimize(nullptr, nullptr); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  h.controls->hold = false;
  optimizer.join();
  EXPECT_EQ(h.db->stats().deleted_rows, 0u);
  EXPECT_EQ(h.db->stats().compactions, 2u);
}

TEST(Lifecycle, CancellingOneWaiterLeavesTheOthersTheirBuild) {
  Harness h;
  h.controls->hold = true;
  h.add(50);
  CancelToken cancel;
  std::thread patient([&] { h.db->build_index(nullptr, nullptr); });
  std::thread hasty([&] { EXPECT_EQ(code_of([&] { h.db->build_index(&cancel, nullptr); }), ErrorCode::ABORTED); });
  ASSERT_TRUE(h.eventually([&] { return h.controls->running.load() == 1; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  cancel.cancel();
  hasty.join();
  h.controls->hold = false;
  patient.join();
  EXPECT_EQ(h.db->stats().indexed_rows, 50u);
}

// While searches come in, the tail is kept short enough that scanning it stays cheap.
TEST(Lifecycle, WritersAreHeldBackEarlierWhileSearchesComeIn) {
  Harness h(1000, 2);
  h.controls->hold = true;
  h.add(4001);
  std::atomic<bool> stop{false};
  std::atomic<int> returned{0};
  std::thread searcher([&] {
    while (!stop) {
      search_one(*h.db, Vector(2, 0.5f), 1);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  ASSERT_TRUE(h.eventually([&] { return h.db->stats().total_searches > 0; }));
  std::thread writer([&] {
    h.add(1);
    returned = 1;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(returned, 0);
  stop = true;  // half a second later nobody searches, and the load may run ahead again
  searcher.join();
  writer.join();
  EXPECT_EQ(h.db->size(), 4002u);
  EXPECT_EQ(h.db->stats().indexed_rows, 0u);
  h.controls->hold = false;
}

// Invariant 11: writers wait when the tail outruns the builder, and go on when it catches up.
TEST(Lifecycle, WritersAreHeldBackWhenTheBuilderIsBehind) {
  Harness h(1000, 2);
  h.controls->hold = true;
  h.add(50001);
  std::atomic<bool> returned{false};
  std::thread writer([&] {
    h.add(1);
    returned = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(returned);
  EXPECT_EQ(h.db->size(), 50001u);
  h.controls->hold = false;
  writer.join();
  EXPECT_EQ(h.db->size(), 50002u);
}

}  // namespace
}  // namespace sagedb
