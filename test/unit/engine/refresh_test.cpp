// Openers that only read follow the writer: what refresh() shows is a state that was acknowledged, never an older one than before.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "storage/manifest.h"
#include "support/durable_fixture.h"
#include "support/fault_algorithm.h"
#include "support/hooked_env.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::HookedEnv;
using test::SimEnv;

Options reading(Options o, Env* env = nullptr) {
  o.read_only = true;
  if (env != nullptr) o.env = env;
  return o;
}

void write_some(SageDB& db, std::mt19937_64& rng, int groups, std::uint32_t dimension = 4) {
  for (int i = 0; i < groups; ++i) {
    std::vector<WriteOp> ops = random_ops(rng, dimension);
    for (const OpResult& r : db.apply(ops)) expect_ok(r);
  }
}

// Property: whatever the writer does between two refreshes (writes, checkpoints, builds, compactions, an orderly close), the
// reader then has the writer's content, says whether there was something new, and its sequence and version never fall.
TEST(Refresh, FollowsEveryStepOfTheWriter) {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    SimEnv env;
    Options o = durable_options(env, 4, Metric::cosine, seed % 2 == 0 ? IndexKind::hnsw : IndexKind::flat);
    o.rebuild_threshold = 60;
    std::mt19937_64 rng(seed);
    auto db = SageDB::open(o);
    auto reader = SageDB::open(reading(o));
    Sequence sequence = 0;
    std::uint64_t version = 0;
    for (int step = 0; step < 60; ++step) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " step " + std::to_string(step));
      bool wrote = false;
      switch (rng() % 8) {
        case 0:
          db->checkpoint();
          break;
        case 1:
          db->build_index(nullptr, nullptr);
          break;
        case 2:
          db->optimize(nullptr, nullptr);
          db->checkpoint();
          break;
        case 3:
          db->close();
          db = SageDB::open(o);
          break;
        case 4:  // optimize() of the reader itself: rows are numbered anew on its side only
          reader->optimize(nullptr, nullptr);
          break;
        default:
          write_some(*db, rng, 1 + static_cast<int>(rng() % 5));
          wrote = true;
      }
      const Sequence before = reader->stats().sequence;
      const std::uint64_t generation = current_generation(env, o.path);
      const bool changed = reader->refresh();
      EXPECT_EQ(content_of(*reader), content_of(*db));
      EXPECT_EQ(reader->stats().sequence, db->stats().sequence);
      EXPECT_TRUE(changed || !wrote || db->stats().sequence == before);
      EXPECT_GE(reader->stats().sequence, sequence);
      EXPECT_GE(reader->index_version(), version);
      sequence = reader->stats().sequence;
      version = reader->index_version();
      // Nothing has happened since, but for generations that the writer's background checkpoints made known.
      std::uint64_t again = 0;
      for (int i = 0; i < 3; ++i) again += reader->refresh() ? 1 : 0;
      EXPECT_LE(again, current_generation(env, o.path) - generation) << "the same was new twice";
      for (const Item& item : reader->find(nullptr, 3, 0, true)) {
        const SearchResult r = search_one(*reader, item.vector, 1, 64);
        ASSERT_EQ(r.hits.size(), 1u);
        EXPECT_NEAR(r.hits[0].score, 1, 1e-5);
      }
    }
  }
}

// Property: bytes that a failed append left are skipped: the log that follows says where the one before it ends.
TEST(Refresh, ATornAppendIsNotTheEnd) {
  SimEnv env;
  const Options o = durable_options(env);
  auto db = SageDB::open(o);
  auto reader = SageDB::open(reading(o));
  for (int i = 0; i < 5; ++i) {
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {{1, 2, 3, 4}})));
    if (i % 2 == 0) reader->refresh();
    env.fail_at(1, ErrorCode::DISK_FULL);  // half of the frame is written
    EXPECT_TRUE(apply_one(*db, op_of(WriteOp::Kind::add, {{1, 2, 3, 4}})).error.has_value());
    env.fail_at(0, ErrorCode::DISK_FULL);
    reader->refresh();
    EXPECT_EQ(content_of(*reader), content_of(*db));
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {{4, 3, 2, 1}})));
    EXPECT_TRUE(reader->refresh());
    EXPECT_EQ(content_of(*reader), content_of(*db));
  }
}

// Property: frames that a recovery carries over into its new log are applied once, also by a reader that had read them before the writer died.
TEST(Refresh, CarriedFramesAreAppliedOnce) {
  SimEnv env;
  const Options o = durable_options(env);
  std::mt19937_64 rng(4);
  auto reader = std::shared_ptr<SageDB>();
  for (int death = 0; death < 5; ++death) {
    Options async = o;
    async.durability = Durability::async;
    auto db = SageDB::open(async);
    if (!reader) reader = SageDB::open(reading(o));
    write_some(*db, rng, 6);
    if (death % 2 == 0) reader->refresh();
    write_some(*db, rng, 2);
    const Content content = content_of(*db);
    // Its sync fails, so that nothing is known to be durable: the next open writes these frames again.
    env.fail_at(1, ErrorCode::IO_ERROR, ~std::uint64_t{0});
    EXPECT_THROW(db->close(), Error);
    env.fail_at(0, ErrorCode::IO_ERROR);
    db.reset();
    reader->refresh();
    EXPECT_EQ(content_of(*reader), content);
    SageDB::open(o)->close();
    reader->refresh();
    ASSERT_EQ(content_of(*reader), content) << "death " << death;
  }
}

// Property: a cursor and a search that began before a refresh go on in their snapshot; the old generation is freed when they are done.
TEST(Refresh, OldSnapshotsStayWhole) {
  SimEnv env;
  const Options o = durable_options(env);
  std::mt19937_64 rng(7);
  auto db = SageDB::open(o);
  write_some(*db, rng, 20);
  db->checkpoint();
  auto reader = SageDB::open(reading(o));
  const Content then = content_of(*reader);
  const std::shared_ptr<Cursor> cursor = reader->open_cursor({});
  for (int i = 0; i < 3; ++i) {
    write_some(*db, rng, 10);
    db->optimize(nullptr, nullptr);
    db->checkpoint();
    EXPECT_TRUE(reader->refresh());
  }
  Content seen;
  for (const Item& item : reader->next(*cursor, 1000, true)) seen[key_of(item.id)] = text_of(item);
  EXPECT_EQ(seen, then);
  EXPECT_EQ(content_of(*reader), content_of(*db));
}

// Property: however far the writer gets during an open or a refresh, at whichever operation of the reader, the reader ends with a state that is not
// older than the one at its call.
TEST(Refresh, GenerationsMayVanishUnderAReader) {
  bool reached = true;
  for (std::uint64_t n = 1; reached; ++n) {
    SimEnv env;
    const Options o = durable_options(env, 4, Metric::cosine, IndexKind::hnsw);
    std::mt19937_64 rng(n);
    auto db = SageDB::open(o);
    write_some(*db, rng, 10);
    db->build_index(nullptr, nullptr);
    db->checkpoint();
    Content at_call;
    bool armed = true;
    HookedEnv hooked(env, [&](std::uint64_t operation) {
      if (!armed || operation < n) return;
      armed = false;
      // Two more generations: files of the one that the reader looks at are gone.
      for (int i = 0; i < 3; ++i) {
        write_some(*db, rng, 2);
        db->checkpoint();
      }
      write_some(*db, rng, 1);
    });
    SCOPED_TRACE("operation " + std::to_string(n));
    at_call = content_of(*db);
    auto reader = SageDB::open(reading(o, &hooked));
    reached = !armed;
    const Content opened = content_of(*reader);
    EXPECT_TRUE(opened == at_call || opened == content_of(*db));
    EXPECT_EQ(reader->stats().last_error, "") << "an obsolete graph is not a damaged one";
    write_some(*db, rng, 2);
    db->checkpoint();
    const std::uint64_t open_operations = hooked.operations();
    // The same during a refresh.
    HookedEnv later(env, [](std::uint64_t) {});
    EXPECT_NO_THROW(reader->refresh());
    EXPECT_EQ(content_of(*reader), content_of(*db));
    EXPECT_NO_THROW(reader->verify(nullptr, nullptr));
    EXPECT_GT(hooked.operations(), open_operations);
  }
}

TEST(Refresh, GenerationsMayVanishDuringARefresh) {
  bool reached = true;
  for (std::uint64_t n = 1; reached; ++n) {
    SimEnv env;
    const Options o = durable_options(env, 4, Metric::cosine, IndexKind::hnsw);
    std::mt19937_64 rng(n);
    auto db = SageDB::open(o);
    write_some(*db, rng, 6);
    db->checkpoint();
    std::uint64_t strike = 0;
    HookedEnv hooked(env, [&](std::uint64_t operation) {
      if (strike == 0 || operation < strike) return;
      strike = 0;
      for (int i = 0; i < 3; ++i) {
        write_some(*db, rng, 2);
        db->build_index(nullptr, nullptr);
        db->checkpoint();
      }
    });
    auto reader = SageDB::open(reading(o, &hooked));
    write_some(*db, rng, 3);
    if (n % 2 == 0) db->checkpoint();
    const Content at_call = content_of(*db);
    strike = hooked.operations() + (n + 1) / 2;
    SCOPED_TRACE("operation " + std::to_string(n));
    ASSERT_NO_THROW(reader->refresh());
    reached = strike == 0 || n % 2 == 1;
    strike = 0;
    const Content seen = content_of(*reader);
    EXPECT_TRUE(seen == at_call || seen == content_of(*db));
    reader->refresh();
    EXPECT_EQ(content_of(*reader), content_of(*db));
  }
}

// Property: a reader that is overtaken at every step gives up with a typed error, keeps what it shows, and gets there later.
TEST(Refresh, TheNumberOfAttemptsIsBounded) {
  SimEnv env;
  const Options o = durable_options(env);
  std::mt19937_64 rng(1);
  auto db = SageDB::open(o);
  write_some(*db, rng, 3);
  bool racing = false;
  HookedEnv hooked(env, [&](std::uint64_t) {
    if (!racing) return;
    for (int i = 0; i < 3; ++i) {
      write_some(*db, rng, 1);
      db->checkpoint();
    }
  });
  auto reader = SageDB::open(reading(o, &hooked));
  const Content before = content_of(*reader);
  racing = true;
  EXPECT_EQ(code_of([&] { reader->refresh(); }), ErrorCode::CORRUPTION);
  EXPECT_EQ(code_of([&] { SageDB::open(reading(o, &hooked)); }), ErrorCode::CORRUPTION);
  racing = false;
  EXPECT_EQ(content_of(*reader), before);
  EXPECT_TRUE(reader->refresh());
  EXPECT_EQ(content_of(*reader), content_of(*db));
}

// The log that the newest manifest goes on in is lost: damage, not a database that is not there.
TEST(Refresh, ALostLogIsDamage) {
  SimEnv env;
  const Options o = durable_options(env);
  std::mt19937_64 rng(1);
  const auto db = SageDB::open(o);
  write_some(*db, rng, 3);
  const auto reader = SageDB::open(reading(o));
  const Content before = content_of(*reader);
  test::SimDisk disk = env.disk();
  for (const std::string& path : disk.paths())
    if (path.find("/wal-") != std::string::npos) env.unlink(path);
  EXPECT_EQ(code_of([&] { reader->refresh(); }), ErrorCode::CORRUPTION);
  EXPECT_EQ(content_of(*reader), before);
  EXPECT_EQ(code_of([&] { SageDB::open(reading(o)); }), ErrorCode::CORRUPTION);
}

// Property: searches of other threads during refreshes see whole states only: the pair that every commit writes is never apart.
TEST(Refresh, SearchesSeeWholeCommits) {
  SimEnv env;
  Options o = durable_options(env);
  o.rebuild_threshold = 50;
  auto db = SageDB::open(o);
  const auto put_pair = [&](int n) {
    const std::string text = "{\"n\":" + std::to_string(n) + "}";
    const float x = static_cast<float>(n % 7);
    std::vector<WriteOp> ops;
    ops.push_back(
        op_of(WriteOp::Kind::upsert, {{x, 1, 0, 0}, {x, 0, 1, 0}}, {ExternalId("a"), ExternalId("b")}, {text, text}));
    ops.push_back(op_of(WriteOp::Kind::add, {{100, x, 0, 0}}));
    db->apply(ops);
  };
  put_pair(0);
  auto reader = SageDB::open(reading(o));
  std::atomic<bool> done{false};
  std::atomic<int> torn{0}, searches{0};
  std::thread searching([&] {
    const Vector query{0, 0.5F, 0.5F, 0};
    while (!done) {
      const SearchResult r = search_one(*reader, query, 2);
      const std::size_t half = r.metadata.find("},{");
      ++searches;
      if (r.hits.size() != 2 || half == std::string::npos ||
          r.metadata.substr(1, half) != r.metadata.substr(half + 2, half))
        ++torn;
    }
  });
  for (int n = 1; n <= 120; ++n) {
    put_pair(n);
    if (n % 9 == 0) db->checkpoint();
    if (n % 31 == 0) db->optimize(nullptr, nullptr);
    EXPECT_TRUE(reader->refresh());
  }
  done = true;
  searching.join();
  EXPECT_EQ(torn, 0);
  EXPECT_GT(searches, 0);
  EXPECT_EQ(content_of(*reader), content_of(*db));
}

// Property: whichever operation of a refresh fails, the reader keeps a state that was acknowledged, not older than before, and the next refresh gets there.
TEST(Refresh, EveryOperationFails) {
  for (const bool generation : {false, true}) {
    bool reached = true;
    for (std::uint64_t n = 1; reached; ++n) {
      SCOPED_TRACE("operation " + std::to_string(n));
      SimEnv env;
      const Options o = durable_options(env, 4, Metric::cosine, IndexKind::hnsw);
      std::mt19937_64 rng(n);
      auto db = SageDB::open(o);
      write_some(*db, rng, 8);
      db->build_index(nullptr, nullptr);
      db->checkpoint();
      auto reader = SageDB::open(reading(o));
      std::vector<Content> states{content_of(*db)};
      for (int i = 0; i < 4; ++i) {
        write_some(*db, rng, 1);
        states.push_back(content_of(*db));
        if (generation && i == 2) db->checkpoint();
      }
      env.fail_at(n, ErrorCode::IO_ERROR);
      try {
        reader->refresh();
      } catch (const Error& e) {
        EXPECT_EQ(e.code(), ErrorCode::IO_ERROR) << e.message();
      }
      reached = env.failed();
      env.fail_at(0, ErrorCode::IO_ERROR);
      const Content seen = content_of(*reader);
      EXPECT_NE(std::find(states.begin(), states.end(), seen), states.end());
      reader->refresh();
      EXPECT_EQ(content_of(*reader), states.back());
    }
  }
}

WriteOp random_adds(std::mt19937_64& rng, int count, std::uint32_t dimension) {
  std::vector<Vector> rows;
  for (int i = 0; i < count; ++i) rows.push_back(random_vector(rng, dimension));
  return op_of(WriteOp::Kind::add, rows);
}

// Property: a build or compaction that a reader runs while it takes over another generation is dropped, not installed over rows that are numbered
// differently; who waits for it gets the result for the new generation. With so many rows that a search for one cannot find it through the links
// and codes of others.
TEST(Refresh, WorkOnTheOldGenerationIsDropped) {
  for (const bool compact : {false, true}) {
    SimEnv env;
    const Options o = durable_options(env, 8, Metric::l2, IndexKind::hnsw);
    std::mt19937_64 rng(12);
    auto db = SageDB::open(o);
    expect_ok(apply_one(*db, random_adds(rng, 1500, 8)));
    std::vector<ExternalId> first;
    for (const Item& item : db->find(nullptr, 300, 0, false)) first.push_back(item.id);
    const auto controls = std::make_shared<BuildControls>();
    auto reader =
        SageDB::open(reading(o), std::make_unique<FaultAlgorithm>(create_anns_algorithm("hnsw", o.index), controls));
    if (compact) {
      reader->build_index(nullptr, nullptr);
      expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, {first.back()})));
      first.pop_back();
      EXPECT_TRUE(reader->refresh());  // something to compact
    }
    controls->hold = true;
    const int before = controls->started;
    std::thread waiting([&] {
      if (compact) {
        reader->optimize(nullptr, nullptr);
      } else {
        reader->build_index(nullptr, nullptr);
      }
    });
    while (controls->started == before) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, first)));
    db->optimize(nullptr, nullptr);  // other numbers, and in the end as many items as before: a count tells nothing
    expect_ok(apply_one(*db, random_adds(rng, static_cast<int>(first.size()), 8)));
    db->checkpoint();
    EXPECT_TRUE(reader->refresh());
    controls->hold = false;
    waiting.join();
    while (reader->stats().building) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(content_of(*reader), content_of(*db));
    EXPECT_NO_THROW(reader->verify(nullptr, nullptr));
    int lost = 0;
    for (const Item& item : reader->find(nullptr, 2000, 0, true)) {
      const SearchResult r = search_one(*reader, item.vector, 1, 64);
      if (r.hits.size() != 1 || std::abs(r.hits[0].score) > 1e-4) ++lost;
    }
    EXPECT_EQ(lost, 0);
  }
}

// Property: a snapshot of a reader holds what the reader shows, the log's part included; a writer and a database in memory have nothing to refresh.
TEST(Refresh, SnapshotOfAReader) {
  SimEnv env;
  const Options o = durable_options(env, 4, Metric::cosine);
  std::mt19937_64 rng(3);
  auto db = SageDB::open(o);
  write_some(*db, rng, 10);
  db->checkpoint();
  write_some(*db, rng, 10);
  auto reader = SageDB::open(reading(o));
  const Content seen = content_of(*reader);
  for (int i = 0; i < 3; ++i) {
    write_some(*db, rng, 5);
    db->checkpoint();
  }
  reader->snapshot("/backup/two");
  Options copy = o;
  copy.path = "/backup/two";
  auto opened = SageDB::open(copy);
  EXPECT_EQ(content_of(*opened), seen);
  EXPECT_NO_THROW(opened->verify(nullptr, nullptr));
  EXPECT_FALSE(db->refresh());
  EXPECT_FALSE(SageDB::open(options_for(4, Metric::l2))->refresh());
}

// Property: where a backup has taken the folder's place, a reader shows what is there now, or says that it is older; never a mixture of both.
TEST(Refresh, ARestoredBackup) {
  int shown = 0, older = 0;
  for (const bool folder_copied : {false, true}) {
    for (int later = 0; later < 12; ++later) {
      SCOPED_TRACE("later " + std::to_string(later) + (folder_copied ? ", a copy of the folder" : ", a snapshot"));
      SimEnv env;
      const Options o = durable_options(env);
      const auto put = [&](SageDB& to, int id, float x) {
        expect_ok(apply_one(to, op_of(WriteOp::Kind::upsert, {{x, 1, 2, 3}}, {ExternalId(std::int64_t{id})}, {"{}"})));
      };
      const auto copy_folder = [&](const std::string& from, const std::string& to) {
        env.make_dir(to);
        for (const std::string& name : env.list(from))
          if (name != "LOCK") env.link_or_copy(join_path(from, name), join_path(to, name));
      };
      auto db = SageDB::open(o);
      for (int i = 0; i < 5; ++i) put(*db, i + 1, 0);
      if (folder_copied) {
        db->close();
        copy_folder(kFolder, "/backup");
        db = SageDB::open(o);
      } else {
        db->snapshot("/backup");
      }
      for (int i = 0; i < 6; ++i) put(*db, 100 + i, 1);
      db->close();
      const auto reader = SageDB::open(reading(o));
      db.reset();
      for (const std::string& name : env.list(kFolder)) env.unlink(join_path(kFolder, name));
      copy_folder("/backup", kFolder);
      db = SageDB::open(o);
      const Content before = content_of(*reader);
      for (int i = 0; i <= later; ++i) {
        if (i > 0) put(*db, 200 + i, 2);
        if (i == 8) db->checkpoint();
        try {
          reader->refresh();
          EXPECT_EQ(content_of(*reader), content_of(*db));
          ++shown;
        } catch (const Error& e) {
          EXPECT_EQ(e.code(), ErrorCode::CORRUPTION) << e.message();
          EXPECT_EQ(content_of(*reader), before);
          ++older;
        }
      }
    }
  }
  EXPECT_GT(std::min(shown, older), 10);
}

}  // namespace
}  // namespace sagedb
