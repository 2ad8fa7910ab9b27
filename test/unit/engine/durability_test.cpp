// A database with a path: what was acknowledged is there after every kind of reopen.
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "base/crc32c.h"
#include "storage/endian.h"
#include "storage/file_header.h"
#include "storage/manifest.h"
#include "support/durable_fixture.h"
#include "support/forwarding_env.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::SimDisk;
using test::SimEnv;
using test::SimOp;

struct Case {
  Metric metric;
  VectorType vectors;
  IndexKind kind;
  std::uint32_t dimension;
};

class Reopen : public ::testing::TestWithParam<Case> {
 protected:
  Options options(Env& env) const {
    Options o = durable_options(env, GetParam().dimension, GetParam().metric, GetParam().kind);
    o.vectors = GetParam().vectors;
    o.rebuild_threshold = 100;
    return o;
  }
};

// Property: after each reopen, with and without checkpoints, builds and compactions before it, the content is the same, assigned ids
// go on rising, sequences and versions do not fall, and searches find every row.
TEST_P(Reopen, GivesTheSameContent) {
  SimEnv env;
  std::mt19937_64 rng(11);
  Content content;
  Sequence sequence = 0;
  std::uint64_t version = 0;
  for (int round = 0; round < 8; ++round) {
    auto db = SageDB::open(options(env));
    ASSERT_EQ(content_of(*db), content) << "round " << round;
    EXPECT_EQ(db->stats().sequence, sequence);
    EXPECT_GE(db->index_version(), version) << "round " << round;
    for (int i = 0; i < 60; ++i) {
      std::vector<WriteOp> ops = random_ops(rng, GetParam().dimension, 300);
      for (const OpResult& r : db->apply(ops)) expect_ok(r);
    }
    if (round % 3 == 1) db->build_index(nullptr, nullptr);
    if (round % 4 == 2) db->optimize(nullptr, nullptr);
    if (round % 2 == 0) {
      // What a build in the background installs after the checkpoint is not on disk.
      version = db->index_version();
      db->checkpoint();
    }
    std::vector<WriteOp> ops = random_ops(rng, GetParam().dimension, 300);
    db->apply(ops);
    const auto items = db->find(nullptr, 5, 0, true);
    for (const Item& item : items) {
      const SearchResult r = search_one(*db, item.vector, 1, 100);
      ASSERT_EQ(r.hits.size(), 1u);
      if (GetParam().metric == Metric::l2) EXPECT_NEAR(r.hits[0].score, 0, 1e-2);
    }
    content = content_of(*db);
    sequence = db->stats().sequence;
    EXPECT_EQ(db->stats().durable_sequence, sequence) << "mode fsync";
    db->verify(nullptr, nullptr);
    if (round % 2 == 0) db->close();  // else by the destructor
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Reopen,
                         ::testing::Values(Case{Metric::l2, VectorType::float32, IndexKind::flat, 3},
                                           Case{Metric::cosine, VectorType::float32, IndexKind::hnsw, 40},
                                           Case{Metric::ip, VectorType::float16, IndexKind::hnsw, 33},
                                           Case{Metric::cosine, VectorType::float16, IndexKind::automatic, 5}));

// Property: an open after a checkpoint serves the stored graph: nothing is built again, and results are the same.
TEST(Durability, TheGraphIsStored) {
  SimEnv env;
  Options o = durable_options(env, 48, Metric::cosine, IndexKind::hnsw);
  o.rebuild_threshold = 1u << 20;
  std::mt19937_64 rng(3);
  std::vector<Vector> queries;
  for (int i = 0; i < 20; ++i) queries.push_back(random_vector(rng, 48));
  std::vector<std::vector<Hit>> before;
  {
    auto db = SageDB::open(o);
    std::vector<Vector> vectors;
    for (int i = 0; i < 2000; ++i) vectors.push_back(random_vector(rng, 48));
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, vectors)));
    db->build_index(nullptr, nullptr);
    for (const Vector& q : queries) before.push_back(search_one(*db, q, 10, 64).hits);
    db->close();
  }
  auto db = SageDB::open(o);
  EXPECT_EQ(db->stats().indexed_rows, 2000u);
  EXPECT_EQ(db->stats().replayed, 0u);
  EXPECT_EQ(db->stats().index_rebuilds, 0u);
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const std::vector<Hit> after = search_one(*db, queries[i], 10, 64).hits;
    ASSERT_EQ(after.size(), before[i].size());
    for (std::size_t j = 0; j < after.size(); ++j) EXPECT_EQ(key_of(after[j].id), key_of(before[i][j].id));
  }
  // The mapped part grows on like any other.
  std::vector<Vector> more;
  for (int i = 0; i < 500; ++i) more.push_back(random_vector(rng, 48));
  const OpResult added = apply_one(*db, op_of(WriteOp::Kind::add, more));
  EXPECT_EQ(added.first_assigned, 2001);
  db->build_index(nullptr, nullptr);
  EXPECT_EQ(db->stats().indexed_rows, 2500u);
  db->verify(nullptr, nullptr);
  EXPECT_EQ(key_of(search_one(*db, more[77], 1, 64).hits.at(0).id), "2078");
}

// Property: of an existing path what is stored holds: left open it is taken, contradicted it is an error that names both.
TEST(Durability, ConfigurationIsStored) {
  SimEnv env;
  Options o = durable_options(env, 6, Metric::cosine, IndexKind::hnsw);
  o.index.M = 24;
  SageDB::open(o)->close();
  const auto open_with = [&](const std::function<void(Options*)>& change) {
    Options other = o;
    change(&other);
    return code_of([&] { SageDB::open(other); });
  };
  EXPECT_EQ(open_with([](Options* x) { x->dimension = 7; }), ErrorCode::CONFIG_MISMATCH);
  EXPECT_EQ(open_with([](Options* x) { x->metric = Metric::l2; }), ErrorCode::CONFIG_MISMATCH);
  EXPECT_EQ(open_with([](Options* x) { x->vectors = VectorType::float16; }), ErrorCode::CONFIG_MISMATCH);
  EXPECT_EQ(open_with([](Options* x) { x->index.kind = IndexKind::flat; }), ErrorCode::CONFIG_MISMATCH);
  EXPECT_EQ(open_with([](Options* x) { x->index.M = 16; }), ErrorCode::CONFIG_MISMATCH);
  Options left_open = durable_options(env, 0, Metric::l2, IndexKind::automatic);
  left_open.open_metric = left_open.open_vectors = left_open.open_index = left_open.open_M = true;
  auto db = SageDB::open(left_open);
  EXPECT_EQ(db->options().dimension, 6u);
  EXPECT_EQ(db->options().metric, Metric::cosine);
  EXPECT_EQ(db->options().index.kind, IndexKind::hnsw);
  EXPECT_EQ(db->options().index.M, 24u);
  left_open.path = "/data/new";
  EXPECT_EQ(code_of([&] { SageDB::open(left_open); }), ErrorCode::INVALID_ARGUMENT)
      << "a new database needs a dimension";
}

// Property: one writer; the path is free again after close(), also after an open that failed.
TEST(Durability, OneWriter) {
  SimEnv env;
  const Options o = durable_options(env);
  auto db = SageDB::open(o);
  EXPECT_EQ(code_of([&] { SageDB::open(o); }), ErrorCode::LOCKED);
  db->close();
  auto again = SageDB::open(o);
  again.reset();
  Options wrong = o;
  wrong.dimension = 99;
  EXPECT_EQ(code_of([&] { SageDB::open(wrong); }), ErrorCode::CONFIG_MISMATCH);
  EXPECT_NO_THROW(SageDB::open(o));
}

// Property: readOnly opens beside the writer, sees what was acknowledged, changes nothing on disk and refuses writes.
TEST(Durability, ReadOnly) {
  SimEnv env;
  Options o = durable_options(env);
  Options reading = o;
  reading.read_only = true;
  EXPECT_EQ(code_of([&] { SageDB::open(reading); }), ErrorCode::NOT_FOUND);
  auto db = SageDB::open(o);
  std::mt19937_64 rng(5);
  for (int i = 0; i < 30; ++i) {
    auto ops = random_ops(rng, 4);
    db->apply(ops);
    if (i == 20) db->checkpoint();
  }
  const std::size_t moment = env.moment();
  {
    auto reader = SageDB::open(reading);
    EXPECT_EQ(content_of(*reader), content_of(*db));
    const OpResult r = apply_one(*reader, op_of(WriteOp::Kind::add, {{1, 2, 3, 4}}));
    ASSERT_TRUE(r.error.has_value());
    EXPECT_EQ(r.error->code(), ErrorCode::READ_ONLY);
    EXPECT_EQ(code_of([&] { reader->checkpoint(); }), ErrorCode::READ_ONLY);
    // What the writer removes meanwhile stays readable.
    const Content seen = content_of(*reader);
    for (int i = 0; i < 3; ++i) {
      auto ops = random_ops(rng, 4);
      db->apply(ops);
      db->checkpoint();
    }
    EXPECT_EQ(content_of(*reader), seen);
  }
  for (std::size_t i = moment; i < env.journal().size(); ++i)
    EXPECT_EQ(env.journal()[i].path.find("LOCK"), std::string::npos);
}

// Property: in mode memory nothing is written until flush(), a checkpoint or close(); in mode async flush() makes everything durable. The content is
// the same in all modes.
TEST(Durability, Modes) {
  Content of_all;
  for (const Durability mode : {Durability::memory, Durability::async, Durability::fsync}) {
    SimEnv env;
    Options o = durable_options(env);
    o.durability = mode;
    std::mt19937_64 rng(9);
    const auto write = [&](SageDB& db) {
      auto ops = random_ops(rng, 4);
      db.apply(ops);
    };
    Content flushed;
    {
      auto db = SageDB::open(o);
      for (int i = 0; i < 10; ++i) write(*db);
      if (mode == Durability::memory) EXPECT_EQ(db->stats().durable_sequence, 0u);
      db->flush();
      EXPECT_EQ(db->stats().durable_sequence, db->stats().sequence);
      flushed = content_of(*db);
      test::SimRandom random(4);
      for (int i = 0; i < 50; ++i) {
        SimEnv after(env.disk().after_power_loss(random));
        Options p = o;
        p.env = &after;
        ASSERT_EQ(content_of(*SageDB::open(p)), flushed);
      }
      write(*db);
      flushed = content_of(*db);
      db->close();
    }
    EXPECT_EQ(content_of(*SageDB::open(o)), flushed) << "close() keeps everything";
    if (of_all.empty()) of_all = flushed;
    EXPECT_EQ(flushed, of_all);
  }
}

// Property: close() whose checkpoint fails says so, and what was acknowledged is on disk all the same: it is in the log.
TEST(Durability, CloseWithoutItsCheckpoint) {
  SimEnv env;
  Options o = durable_options(env, 64);
  o.durability = Durability::async;
  std::mt19937_64 rng(12);
  const auto rows = [&] {
    std::vector<Vector> out;
    while (out.size() < 400) out.push_back(random_vector(rng, 64));
    return out;
  };
  {
    auto db = SageDB::open(o);
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, rows())));
    db->close();
  }
  SimDisk disk = env.disk();
  for (const std::string& path : disk.paths())
    if (path.find("vectors-") != std::string::npos) (*disk.find(path))[5000] ^= 1;
  SimEnv damaged(std::move(disk));
  o.env = &damaged;
  auto db = SageDB::open(o);
  expect_ok(
      apply_one(*db, op_of(WriteOp::Kind::add, rows())));  // the log is worth a checkpoint, which finds the damage
  const std::uint64_t size = db->size();
  EXPECT_EQ(code_of([&] { db->close(); }), ErrorCode::CORRUPTION);
  test::SimRandom random(4);
  for (int i = 0; i < 10; ++i) {
    SimEnv after(damaged.disk().after_power_loss(random));
    o.env = &after;
    ASSERT_EQ(SageDB::open(o)->size(), size);
  }
}

// Property: a checkpoint that fails at its manifest leaves nothing behind, since it could keep a full disk full; one that cannot remove what is obsolete has
// succeeded, and the next one removes it.
TEST(Durability, WhatCheckpointsLeaveBehind) {
  class Planted final : public test::ForwardingEnv {
   public:
    using test::ForwardingEnv::ForwardingEnv;
    std::unique_ptr<WritableFile> create(const std::string& path) override {
      if (no_manifest && path.find("MANIFEST-") != std::string::npos) throw Error(ErrorCode::DISK_FULL, path);
      return target_.create(path);
    }
    void unlink(const std::string& path) override {
      if (no_unlink) throw Error(ErrorCode::IO_ERROR, path + ": planted");
      target_.unlink(path);
    }
    bool no_manifest = false, no_unlink = false;
  };
  SimEnv disk;
  Planted env(disk);
  const Options o = durable_options(env);
  auto db = SageDB::open(o);
  std::mt19937_64 rng(2);
  const auto write = [&] {
    auto ops = random_ops(rng, 4);
    db->apply(ops);
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {random_vector(rng, 4)})));
  };
  const auto segments = [&] {
    std::set<std::string> out;
    for (const std::string& name : disk.list(kFolder))
      if (name.find(".seg") != std::string::npos) out.insert(name);
    return out;
  };
  for (int i = 0; i < 3; ++i) {
    write();
    db->checkpoint();
  }
  const std::set<std::string> before = segments();
  write();
  env.no_manifest = true;
  EXPECT_EQ(code_of([&] { db->checkpoint(); }), ErrorCode::DISK_FULL);
  EXPECT_EQ(segments(), before);
  env.no_manifest = false;
  env.no_unlink = true;
  EXPECT_NO_THROW(db->checkpoint());
  EXPECT_NE(db->stats().last_error.find("planted"), std::string::npos);
  const std::size_t kept = segments().size();
  env.no_unlink = false;
  write();
  db->checkpoint();
  EXPECT_LT(segments().size(), kept);
  const Content content = content_of(*db);
  db->close();
  EXPECT_EQ(content_of(*SageDB::open(o)), content);
}

// Property: a damaged manifest of the generation before is no error of optimize(), which makes a sound one take its place.
TEST(Durability, OptimizeReplacesADamagedOlderGeneration) {
  SimEnv env;
  const Options o = durable_options(env);
  auto db = SageDB::open(o);
  for (int i = 0; i < 2; ++i) {
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {{1, 2, 3, static_cast<float>(i)}})));
    db->optimize(nullptr, nullptr);
  }
  const std::uint64_t current = current_generation(env, kFolder);
  env.create(join_path(kFolder, manifest_name(current - 1)))->append("x", 1);
  EXPECT_NO_THROW(db->optimize(nullptr, nullptr));
  EXPECT_EQ(current_generation(env, kFolder), current + 1);
  EXPECT_FALSE(env.exists(join_path(kFolder, manifest_name(current - 1))));
  EXPECT_EQ(read_manifest(env, kFolder, current, true).generation, current);
}

// Property: a feature of a log that allows reading only lets readers in, and no writer.
TEST(Durability, LogsThatAllowReadingOnly) {
  SimEnv env;
  Options o = durable_options(env);
  auto db = SageDB::open(o);
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {{1, 2, 3, 4}})));
  SimDisk disk = env.disk();
  int logs = 0;
  for (const std::string& path : disk.paths()) {
    if (path.find("wal-") == std::string::npos) continue;
    auto* const header = reinterpret_cast<std::uint8_t*>(disk.find(path)->data());
    put_le(header + 20, std::uint32_t{1});
    put_le(header + kHeaderSize - 4, crc32c(0, header, kHeaderSize - 4));
    ++logs;
  }
  ASSERT_GT(logs, 0);
  SimEnv newer(std::move(disk));
  o.env = &newer;
  EXPECT_EQ(code_of([&] { SageDB::open(o); }), ErrorCode::UNSUPPORTED_FORMAT);
  o.read_only = true;
  const auto reader = SageDB::open(o);
  EXPECT_EQ(reader->size(), 1u);
  EXPECT_NO_THROW(reader->verify(nullptr, nullptr));
}

// Property: an open and a close without writes leave the folder as it was, in every mode and after a kill; what is written then is kept.
TEST(Durability, OpenAndCloseLeaveNothing) {
  for (const Durability mode : {Durability::fsync, Durability::async, Durability::memory}) {
    SimEnv env;
    Options o = durable_options(env);
    o.durability = mode;
    Content content;
    for (int round = 0; round < 3; ++round) {
      {
        auto db = SageDB::open(o);
        expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {{1, 2, 3, static_cast<float>(round)}})));
        if (round == 1) db->checkpoint();
        content = content_of(*db);
      }
      SimDisk closed = env.disk();
      for (int i = 0; i < 20; ++i) {
        auto db = SageDB::open(o);
        ASSERT_EQ(content_of(*db), content);
        EXPECT_EQ(db->stats().durable_sequence, db->stats().sequence);
        if (i == 7) db->flush();
        if (i % 2 == 0) db->close();
      }
      EXPECT_EQ(env.disk().paths(), closed.paths());
      // Another life begins where the process was killed: the frames that no sync is known to cover are written again, once.
      auto db = SageDB::open(o);
      expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {{4, 5, 6, static_cast<float>(round)}})));
      if (mode != Durability::memory) content = content_of(*db);
      SimEnv killed(env.disk());
      Options p = o;
      p.env = &killed;
      for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(content_of(*SageDB::open(p)), content);
        if (i == 0) closed = killed.disk();
      }
      EXPECT_EQ(killed.disk().paths(), closed.paths());
    }
  }
}

// An environment that notes which files' reads were announced.
class AnnouncedEnv final : public test::ForwardingEnv {
 public:
  using ForwardingEnv::ForwardingEnv;
  std::map<std::string, std::uint64_t> announced;  // name -> bytes
  std::set<std::string> unannounced;  // segments that were mapped without it

  void will_read(const std::string& path, std::uint64_t, std::uint64_t size) noexcept override {
    announced[path.substr(path.rfind('/') + 1)] += size;
  }
  std::shared_ptr<const Mapping> map(const std::string& path) override {
    const std::string name = path.substr(path.rfind('/') + 1);
    if (name.find(".seg") != std::string::npos && announced.count(name) == 0) unannounced.insert(name);
    return target_.map(path);
  }
};

// Property: what an open reads of its segments is announced for all of them before any is read, and is little.
TEST(Durability, OpenAnnouncesWhatItReads) {
  SimEnv env;
  std::mt19937_64 rng(3);
  {
    auto db = SageDB::open(durable_options(env, 32, Metric::cosine, IndexKind::hnsw));
    std::vector<Vector> rows;
    for (int i = 0; i < 2000; ++i) rows.push_back(random_vector(rng, 32));
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, rows)));
    db->build_index(nullptr, nullptr);
    db->checkpoint();
  }
  AnnouncedEnv watched(env);
  auto db = SageDB::open(durable_options(watched, 32, Metric::cosine, IndexKind::hnsw));
  EXPECT_EQ(db->size(), 2000u);
  EXPECT_GE(watched.announced.size(), 9u);
  EXPECT_TRUE(watched.unannounced.empty()) << *watched.unannounced.begin();
  for (const auto& [name, bytes] : watched.announced) {
    const std::uint64_t size = env.disk().find(join_path(kFolder, name))->size();
    EXPECT_LE(bytes, size) << name;
    if (name.compare(0, 5, "graph") == 0) {
      EXPECT_GT(bytes, 4096u + 64u) << "the upper levels, too";
      EXPECT_LT(bytes, size / 4);
    } else if (name.compare(0, 4, "dead") != 0) {
      EXPECT_EQ(bytes, 4096u) << name;
    }
  }
}

// Property: concurrent durable writers share syncs, keep all their rows, and each sees its own write at once.
TEST(Durability, GroupCommit) {
  SimEnv env;
  auto db = SageDB::open(durable_options(env));
  env.set_skip([](const SimOp& op) {  // a sync takes its time, as on a real disk; shorter sleeps are none on Windows
    if (op.kind == SimOp::Kind::sync) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return false;
  });
  const std::size_t before = env.moment();
  constexpr int kThreads = 16, kWrites = 40;
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kWrites; ++i) {
        const ExternalId id(static_cast<std::int64_t>(t * 1000 + i));
        if (apply_one(*db, op_of(WriteOp::Kind::add, {{1, 2, 3, static_cast<float>(i)}}, {id})).error) ++failed;
        if (!db->has({id})[0]) ++failed;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(db->size(), static_cast<std::uint64_t>(kThreads * kWrites));
  std::size_t syncs = 0;
  for (std::size_t i = before; i < env.journal().size(); ++i) syncs += env.journal()[i].kind == SimOp::Kind::sync;
  std::printf("[ syncs    ] %zu for %d writes of %d threads\n", syncs, kThreads * kWrites, kThreads);
  EXPECT_LT(syncs, static_cast<std::size_t>(kThreads * kWrites / 4));
  const Content content = content_of(*db);
  db.reset();
  EXPECT_EQ(content_of(*SageDB::open(durable_options(env))), content);
}

// Property: a folder that has lost CURRENT, and an unfinished snapshot, are refused and keep their files: a new database in its place would remove
// them. Foreign files and what a creation leaves that was interrupted anywhere are no obstacle.
TEST(Durability, AMissingCurrentIsNoEmptyFolder) {
  for (const bool checkpoint : {false, true}) {
    SimEnv env;
    const Options o = durable_options(env);
    {
      auto db = SageDB::open(o);
      expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, {{1, 2, 3, 4}})));
      if (checkpoint) db->checkpoint();
    }
    SimDisk lost = env.disk();
    lost.erase(join_path(kFolder, "CURRENT"));
    SimEnv after(lost);
    Options p = o;
    p.env = &after;
    EXPECT_EQ(code_of([&] { SageDB::open(p); }), ErrorCode::CORRUPTION);
    Options reading = p;
    reading.read_only = true;
    EXPECT_EQ(code_of([&] { SageDB::open(reading); }), ErrorCode::CORRUPTION);
    EXPECT_EQ(after.disk().paths(), lost.paths());
    if (checkpoint) continue;
    after.create(join_path(kFolder, "CURRENT"))->append("", 0);
    EXPECT_EQ(code_of([&] { SageDB::open(p); }), ErrorCode::CORRUPTION) << "nor is an empty one";
  }
  bool reached = true;
  for (std::uint64_t n = 1; reached; ++n) {
    SimEnv env;
    const Options o = durable_options(env);
    env.make_dir(kFolder);
    env.create(join_path(kFolder, "wal-copy.log"))->append("x", 1);
    env.fail_at(n, ErrorCode::IO_ERROR, ~std::uint64_t{0});
    try {
      SageDB::open(o);
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::IO_ERROR) << e.message();
    }
    reached = env.failed();
    env.fail_at(0, ErrorCode::IO_ERROR);
    EXPECT_NO_THROW(SageDB::open(o)) << "operation " << n;
    EXPECT_TRUE(env.exists(join_path(kFolder, "wal-copy.log")));
  }
}

// Property: snapshot() gives a complete, independent database while writes go on; an occupied folder is refused.
TEST(Durability, Snapshot) {
  SimEnv env;
  auto db = SageDB::open(durable_options(env));
  std::mt19937_64 rng(6);
  for (int i = 0; i < 20; ++i) {
    auto ops = random_ops(rng, 4);
    db->apply(ops);
  }
  const Content then = content_of(*db);
  db->snapshot("/backup/one");
  EXPECT_EQ(code_of([&] { db->snapshot("/backup/one"); }), ErrorCode::INVALID_ARGUMENT);
  for (int i = 0; i < 20; ++i) {
    auto ops = random_ops(rng, 4);
    db->apply(ops);
    if (i % 5 == 0) db->checkpoint();
  }
  Options o = durable_options(env);
  o.path = "/backup/one";
  auto copy = SageDB::open(o);
  EXPECT_EQ(content_of(*copy), then);
  copy->verify(nullptr, nullptr);
  expect_ok(apply_one(*copy, op_of(WriteOp::Kind::add, {{1, 2, 3, 4}})));
  copy->checkpoint();
  EXPECT_EQ(copy->size(), then.size() + 1);
  EXPECT_NO_THROW(db->verify(nullptr, nullptr)) << "the copy's life does not touch the original";
}

}  // namespace
}  // namespace sagedb
