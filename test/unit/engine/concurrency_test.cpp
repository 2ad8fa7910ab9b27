// Readers, writers and builds at once. Every check is against what a thread itself was told (acknowledgements), so a
// failure means a broken promise and not a race of the test.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "support/engine_fixture.h"
#include "support/setting.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;

// Vectors that identify their id: nothing else lies at distance zero.
Vector beacon(std::int64_t id, std::uint32_t dimension) {
  std::mt19937_64 rng(static_cast<std::uint64_t>(id) * 7919 + 1);
  return random_vector(rng, dimension);
}

bool finds(const SageDB& db, std::int64_t id, std::uint32_t dimension) {
  const Vector v = beacon(id, dimension);
  const SearchResult r = search_one(db, v, 3, 64);
  for (const Hit& h : r.hits)
    if (!h.id.is_string() && h.id.number() == id) return true;
  return false;
}

struct Tally {
  std::atomic<long> checks{0}, unseen{0}, ghosts{0}, backwards{0}, torn{0};
};

constexpr std::uint32_t kDim = 32;

// One writer: adds, checks that it sees its own row, removes some and checks that they are gone.
void write_and_check(SageDB& db, int writer, int rounds, Tally& tally) {
  for (int i = 0; i < rounds; ++i) {
    const std::int64_t id = std::int64_t{writer} * 1000000 + i;
    expect_ok(apply_one(db, op_of(WriteOp::Kind::add, {beacon(id, kDim)}, {ExternalId(id)})));
    tally.checks += 1;
    if (!finds(db, id, kDim)) tally.unseen += 1;
    if (i % 3 != 0) continue;
    EXPECT_EQ(apply_one(db, op_of(WriteOp::Kind::remove, {}, {ExternalId(id)})).affected, 1u);
    tally.checks += 1;
    if (finds(db, id, kDim)) tally.ghosts += 1;
  }
}

void read_and_check(const SageDB& db, std::atomic<bool>& stop, int reader, Tally& tally) {
  std::mt19937_64 rng(static_cast<std::uint64_t>(reader));
  std::uint64_t sequence = 0, version = 0;
  while (!stop) {
    const SearchResult r = search_one(db, random_vector(rng, kDim), 10);
    if (r.sequence < sequence || r.version < version) tally.backwards += 1;
    sequence = r.sequence;
    version = r.version;
    tally.checks += 1;
  }
}

TEST(Concurrency, AcknowledgedIsVisibleAndDeletedStaysGoneWhileBuildsRun) {
  auto db = SageDB::open(options_for(kDim, Metric::l2, IndexKind::hnsw, 100));
  Tally tally;
  std::atomic<bool> stop{false};
  std::vector<std::thread> writers, readers;
  for (int r = 0; r < 4; ++r) readers.emplace_back([&, r] { read_and_check(*db, stop, r, tally); });
  for (int w = 0; w < 4; ++w) writers.emplace_back([&, w] { write_and_check(*db, w, 900, tally); });
  for (auto& t : writers) t.join();
  stop = true;
  for (auto& t : readers) t.join();
  EXPECT_EQ(tally.unseen, 0);
  EXPECT_EQ(tally.ghosts, 0);
  EXPECT_EQ(tally.backwards, 0);
  // The builder runs at low priority: on a busy machine its first publication may come after the last write.
  for (int i = 0; i < 600 && db->stats().index_rebuilds == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_GT(db->stats().index_rebuilds, 0u);
  EXPECT_EQ(db->size(), 4u * 600u);
}

// Who sees what a build or a compaction made finds it counted: stats() reads the published state before the counters.
TEST(Concurrency, WhatIsPublishedIsCounted) {
  auto db = SageDB::open(options_for(8, Metric::l2, IndexKind::hnsw, 1000));
  std::mt19937_64 rng(7);
  std::vector<Vector> rows;
  std::vector<ExternalId> ids;
  for (int i = 0; i < 400; ++i) {
    rows.push_back(random_vector(rng, 8));
    ids.emplace_back("item-" + std::to_string(i));
  }
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> builds_due{0}, compactions_due{0};
  std::atomic<long> uncounted{0};
  std::thread watcher([&] {
    while (!stop) {
      const std::uint64_t builds = builds_due, compactions = compactions_due;
      const Stats s = db->stats();
      if (builds > 0 && s.fresh_rows == 0 && s.index_rebuilds < builds) uncounted += 1;
      if (compactions > 0 && s.deleted_rows == 0 && s.compactions < compactions) uncounted += 1;
      std::this_thread::sleep_for(std::chrono::microseconds(1));  // leaves the builder its processor
    }
  });
  for (std::uint64_t round = 1; round <= repetitions(20); ++round) {
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::upsert, rows, ids)));
    builds_due = round;
    db->build_index(nullptr, nullptr);
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, {ids[round]})));
    compactions_due = round;
    db->optimize(nullptr, nullptr);
    EXPECT_GE(db->stats().compactions, round);
  }
  stop = true;
  watcher.join();
  EXPECT_EQ(uncounted, 0);
}

// Invariant 7: vector and metadata of one update are seen together.
TEST(Concurrency, VectorAndMetadataOfAnUpdateBecomeVisibleAsOne) {
  auto db = SageDB::open(options_for(kDim, Metric::l2, IndexKind::hnsw, 50));
  std::vector<Vector> filler;
  for (int i = 0; i < 200; ++i) filler.push_back(beacon(5000 + i, kDim));
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, filler)));
  const ExternalId id(std::string("moving"));
  auto place = [&](int n) { return Vector(kDim, static_cast<float>(100 + n)); };
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::upsert, {place(0)}, {id}, {"{\"n\":0}"})));
  std::atomic<bool> stop{false};
  std::atomic<long> torn{0}, seen{0};
  std::thread reader([&] {
    while (!stop) {
      SearchRequest request;
      const Vector q = place(0);
      request.vector = q.data();
      request.k = 1;
      request.include_vector = true;
      const SearchResult r = db->search(&request, 1).at(0);
      if (r.hits.size() != 1 || !r.hits[0].id.is_string()) {
        torn += 1;
        continue;
      }
      const int n = static_cast<int>(std::lround(r.vectors[0])) - 100;
      if (r.metadata != "[{\"n\":" + std::to_string(n) + "}]") torn += 1;
      seen += 1;
    }
  });
  for (int n = 1; n <= 1500 || (seen < 500 && n < 2000000); ++n)
    expect_ok(apply_one(
        *db, op_of(WriteOp::Kind::update, {place(n % 50)}, {id}, {"{\"n\":" + std::to_string(n % 50) + "}"})));
  stop = true;
  reader.join();
  EXPECT_EQ(torn, 0);
  EXPECT_GT(seen, 0);
}

// Invariant 8: a batch is seen whole or not at all.
TEST(Concurrency, ABatchIsSeenWholeOrNotAtAll) {
  auto db = SageDB::open(options_for(8, Metric::l2, IndexKind::automatic, 100));
  std::atomic<bool> stop{false};
  std::atomic<long> partial{0};
  std::thread reader([&] {
    while (!stop) {
      const SearchResult r = search_one(*db, Vector(8, 0.0f), 50, 0, true);
      if (r.hits.size() % 10 != 0) partial += 1;
    }
  });
  std::vector<ExternalId> ids;
  for (int i = 0; i < 10; ++i) ids.emplace_back(std::int64_t{i});
  for (int round = 0; round < repetitions(2000); ++round) {
    std::vector<Vector> batch(10, Vector(8, 1.0f));
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::upsert, batch, ids)));
    if (round % 2 == 0) continue;
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, ids)));
  }
  stop = true;
  reader.join();
  EXPECT_EQ(partial, 0);
}

// The design document's «10 threads searching» and 90/10 mix, checked for recall against exact search on the final state.
TEST(Concurrency, NinetyTenMixKeepsRecall) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  auto db = SageDB::open(options_for(64, Metric::cosine, IndexKind::hnsw, 200));
  std::vector<std::thread> threads;
  for (int t = 0; t < 10; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 rng(seed + static_cast<std::uint64_t>(t));
      for (int i = 0; i < 400; ++i) {
        if (i % 10 == 0) {
          std::vector<Vector> batch;
          for (int j = 0; j < 10; ++j) batch.push_back(random_vector(rng, 64));
          expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, batch)));
        } else {
          search_one(*db, random_vector(rng, 64), 10);
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_EQ(db->size(), 4000u);
  db->build_index(nullptr, nullptr);
  std::mt19937_64 rng(seed ^ 0xabcdef);
  double recall = 0;
  for (int i = 0; i < 100; ++i) {
    const Vector q = random_vector(rng, 64);
    std::vector<std::string> want;
    for (const Hit& h : search_one(*db, q, 10, 0, true).hits) want.push_back(key_of(h.id));
    recall += recall_of(search_one(*db, q, 10, 400), want) / 100;
  }
  EXPECT_GE(recall, 0.97);
}

// Property: replace_where leaves no moment in which its document is gone, half there, twice there, or older than before.
TEST(Concurrency, AReplacedDocumentIsAlwaysWhole) {
  auto db = SageDB::open(options_for(kDim, Metric::l2, IndexKind::hnsw, 50));
  const auto filter = Filter::parse("{\"document\":1}");
  const auto replace = [&](int version) {
    std::vector<Vector> rows;
    std::vector<ExternalId> ids;
    for (int part = 0; part < 4; ++part) {
      rows.push_back(beacon(version * 4 + part, kDim));
      ids.push_back(ExternalId(std::int64_t{part} + version % 3));  // some ids come back
    }
    const std::vector<std::string> metadata(4, "{\"document\":1,\"version\":" + std::to_string(version) + "}");
    expect_ok(apply_one(*db, replace_where("{\"document\":1}", rows, ids, metadata)));
  };
  replace(1000);
  std::atomic<bool> stop{false};
  std::atomic<long> reads{0}, torn{0}, older{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      std::string newest;
      while (!stop) {
        const std::vector<Item> items = db->find(filter.get(), 100, 0, false);
        const SearchResult hits = search_one(*db, beacon(1, kDim), 50, 64, false, filter);
        reads += 2;
        if (items.size() != 4 || hits.hits.size() != 4) torn += 1;
        for (const Item& item : items)
          if (item.metadata != items.front().metadata) torn += 1;
        if (!items.empty() && items.front().metadata < newest) older += 1;
        if (!items.empty()) newest = items.front().metadata;
      }
    });
  }
  int version = 1000;
  const auto replace_often = [&](int times) {
    for (const int last = version + times; version < last;) replace(++version);
  };
  replace_often(repetitions(400));
  db->optimize(nullptr, nullptr);
  replace_often(repetitions(200));
  stop = true;
  for (auto& t : readers) t.join();
  EXPECT_GT(reads, 100);
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(older, 0);
}

}  // namespace
}  // namespace sagedb
