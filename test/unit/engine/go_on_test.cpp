// Callers that go on after a failure: a disk that fails once, in the middle of a life, and a reader of the folder beside it.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/status.h"
#include "storage/file_header.h"
#include "support/durable_fixture.h"
#include "support/failing_new.h"
#include "support/forwarding_env.h"
#include "support/setting.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::SimDisk;
using test::SimEnv;
using test::SimOp;

constexpr std::uint32_t kDim = 64;

// Rows `name-0` .. `name-<count - 1>`. With `zeros` all but the first component are zero, so that zeros of the disk complete a frame of which half was written.
OpResult put(SageDB& db, const std::string& name, std::size_t count, bool zeros = false) {
  std::vector<Vector> rows(count, Vector(kDim, zeros ? 0.0f : 1.5f));
  rows[0][0] = 3;
  std::vector<ExternalId> ids;
  for (std::size_t i = 0; i < count; ++i) ids.emplace_back(name + "-" + std::to_string(i));
  return apply_one(db, op_of(WriteOp::Kind::upsert, rows, ids, std::vector<std::string>(count, "{}")));
}

std::shared_ptr<SageDB> reader_of(Env& env) {
  Options o = durable_options(env, kDim);
  o.read_only = true;
  return SageDB::open(o);
}

bool holds_all(const Content& found, const Content& wanted) {
  return std::includes(found.begin(), found.end(), wanted.begin(), wanted.end());
}

bool is_injected(const Error& e) { return e.message().find("injected failure") != std::string::npos; }

struct Life {
  SimEnv env;
  std::string trace;
  bool poisoned = false, reached = false;
};

// Writes, checkpoints and refreshes through a failure of `count` operations from the n-th on. Returns what went wrong.
std::string live_on(Life& life, std::uint64_t n, std::uint64_t count, bool zeros) {
  const auto db = SageDB::open(durable_options(life.env, kDim));
  for (int i = 0; i < 12; ++i) put(*db, "a" + std::to_string(i), 1);
  const auto reader = reader_of(life.env);
  life.env.fail_at(n, ErrorCode::IO_ERROR, count);
  for (int step = 0; step < 14 && !life.poisoned; ++step) {
    bool acknowledged = false;
    if (step % 5 == 3) {
      try {
        db->checkpoint();
      } catch (const Error& e) {
        life.trace += " checkpoint: " + e.message();
      }
    } else {
      const OpResult r = put(*db, "s" + std::to_string(step), 1 + static_cast<std::size_t>(step % 3), zeros);
      if (r.error) life.trace += " write: " + r.error->message();
      life.poisoned = r.error && r.error->code() == ErrorCode::READ_ONLY;
      acknowledged = !r.error;
    }
    try {
      reader->refresh();
    } catch (const Error& e) {
      if (!is_injected(e)) return "step " + std::to_string(step) + ", reader: " + e.message();
      continue;
    }
    if (acknowledged && (reader->size() != db->size() || reader->stats().sequence != db->stats().sequence))
      return "step " + std::to_string(step) + ": the reader has " + std::to_string(reader->size()) + " of " +
             std::to_string(db->size());
  }
  const Content truth = content_of(*db);
  life.reached = life.env.failed();
  life.env.fail_at(0, ErrorCode::IO_ERROR);
  std::vector<SimDisk> ends{life.env.disk()};  // of a kill
  test::SimRandom random(n);
  ends.push_back(life.env.disk().after_power_loss(random));
  for (SimDisk& disk : ends) {
    SimEnv after(std::move(disk));
    try {
      const auto again = SageDB::open(durable_options(after, kDim));
      if (!holds_all(content_of(*again), truth)) return "acknowledged rows are lost";
    } catch (const Error& e) {
      return "the next open: " + e.message();
    }
  }
  return "";
}

// Property: whichever operation fails, of the writer or of its reader, and the callers go on: every write that was acknowledged before or after is there
// after a kill or a loss of power, and the reader shows what the writer does.
TEST(GoOn, AfterAnyFailure) {
  std::uint64_t reached = 0, poisoned = 0;
  for (const std::uint64_t count : {1, 2})
    for (std::uint64_t n = 1;; n += sweep_stride()) {
      Life life;
      ASSERT_EQ(live_on(life, n, count, count == 2), "") << n << " and " << count - 1 << " more:" << life.trace;
      poisoned += life.poisoned;
      if (!life.reached) break;
      ++reached;
    }
  EXPECT_GT(reached, 300u / sweep_stride());
  EXPECT_GT(poisoned, 0u);
  std::printf("[ go on    ] %llu failures\n", static_cast<unsigned long long>(reached));
}

// Property: a checkpoint whose cut of the log's zeros does nothing is one like another: what is acknowledged after it is not behind a seal.
TEST(GoOn, ACutThatFailsEndsTheLogAllTheSame) {
  std::uint64_t trims = 0;
  for (std::uint64_t n = 1; n < 60; ++n) {
    SimEnv env;
    const auto db = SageDB::open(durable_options(env, kDim));
    for (int i = 0; i < 20; ++i) ASSERT_FALSE(put(*db, "a" + std::to_string(i), 1).error);
    const std::size_t before = env.moment();
    env.fail_at(n, ErrorCode::IO_ERROR);
    try {
      db->checkpoint();
    } catch (const Error&) {
    }
    const bool reached = env.failed();
    env.fail_at(0, ErrorCode::IO_ERROR);
    bool cut = false;
    for (std::size_t i = before; i < env.journal().size(); ++i) cut = cut || env.journal()[i].kind == SimOp::Kind::trim;
    trims += reached && !cut;
    for (int i = 0; i < 5; ++i) put(*db, "b" + std::to_string(i), 1);
    SimEnv after(env.disk());
    EXPECT_TRUE(holds_all(content_of(*SageDB::open(durable_options(after, kDim))), content_of(*db))) << n;
    if (!reached) break;
  }
  EXPECT_GT(trims, 0u) << "a cut failed";
}

// Property: what a reader has shown of a group that failed goes with the first group that takes its place, however they overlap, and with the next look at
// a log that was cut.
TEST(GoOn, AReaderDropsAGroupThatFailed) {
  for (const bool cut : {false, true})
    for (const std::size_t failed : {1u, 3u})
      for (const std::size_t next : {1u, 2u, 3u, 5u}) {
        SimEnv env;
        const auto db = SageDB::open(durable_options(env, kDim));
        for (int i = 0; i < 10; ++i) ASSERT_FALSE(put(*db, "a" + std::to_string(i), 1).error);
        const auto reader = reader_of(env);
        std::size_t shown = 0;
        std::size_t trims = 0;
        // The reader looks between the write and the cut, or there is no cut.
        env.set_skip([&](const SimOp& op) {
          if (op.kind != SimOp::Kind::trim) return false;
          if (trims++ > 0) return !cut;
          reader->refresh();
          shown = reader->size();
          return !cut;
        });
        env.fail_at(1, ErrorCode::IO_ERROR);
        ASSERT_TRUE(put(*db, "failed", failed, true).error);
        env.fail_at(0, ErrorCode::IO_ERROR);
        ASSERT_EQ(shown, 10 + failed) << "the reader has seen it";
        if (cut) {
          EXPECT_TRUE(reader->refresh());
          EXPECT_EQ(content_of(*reader), content_of(*db));
        }
        ASSERT_FALSE(put(*db, "good", next).error);
        EXPECT_TRUE(reader->refresh());
        EXPECT_EQ(content_of(*reader), content_of(*db));
        ASSERT_FALSE(put(*db, "more", 2).error);
        EXPECT_TRUE(reader->refresh());
        EXPECT_EQ(content_of(*reader), content_of(*db));
        EXPECT_EQ(reader->stats().sequence, db->stats().sequence);
      }
}

class SyncedFolders final : public test::ForwardingEnv {
 public:
  explicit SyncedFolders(Env& target) : ForwardingEnv(target) {}
  void sync_dir(const std::string& path) override {
    if (path == parent_path(kFolder) && denied) throw Error(ErrorCode::PERMISSION_DENIED, "sync_dir: " + path);
    synced.push_back(path);
    ForwardingEnv::sync_dir(path);
  }
  bool denied = false;
  std::vector<std::string> synced;
};

// Property: the name of a folder that was found empty is brought to the disk, too: whoever made it may have been killed before.
TEST(GoOn, TheNameOfAFolderThatWasThereIsSynced) {
  for (const bool denied : {false, true}) {
    SimEnv env;
    env.make_dir(kFolder);
    SyncedFolders folders(env);
    folders.denied = denied;
    SageDB::open(durable_options(folders))->close();
    EXPECT_EQ(std::count(folders.synced.begin(), folders.synced.end(), parent_path(kFolder)), denied ? 0 : 1);
  }
}

// Property: the same of a snapshot's folder.
TEST(GoOn, TheNameOfASnapshotsFolderIsSynced) {
  SimEnv env;
  SyncedFolders folders(env);
  const auto db = SageDB::open(durable_options(folders, kDim));
  ASSERT_FALSE(put(*db, "a", 1).error);
  env.make_dir("/backup/one");
  folders.synced.clear();
  db->snapshot("/backup/one");
  EXPECT_EQ(std::count(folders.synced.begin(), folders.synced.end(), "/backup"), 1);
}

// Property: in mode 'memory' the log holds nothing, so a disk that fails once keeps no later flush from saving everything.
TEST(GoOn, MemoryIsSavedAfterAFailureThatPassed) {
  for (std::uint64_t n = 1;; ++n) {
    SimEnv env;
    Options o = durable_options(env, kDim);
    o.durability = Durability::memory;
    const auto db = SageDB::open(o);
    ASSERT_FALSE(put(*db, "a", 1).error);
    db->flush();
    ASSERT_FALSE(put(*db, "b", 1).error);
    env.fail_at(n, ErrorCode::IO_ERROR);
    try {
      db->flush();
    } catch (const Error&) {
    }
    const bool reached = env.failed();
    env.fail_at(0, ErrorCode::IO_ERROR);
    ASSERT_FALSE(put(*db, "c", 1).error);
    ASSERT_NO_THROW(db->flush()) << n;
    SimEnv after(env.disk());
    ASSERT_EQ(content_of(*SageDB::open(durable_options(after, kDim))), content_of(*db)) << n;
    if (!reached) break;
  }
}

// Property: whichever allocation of a refresh fails, on the same generation or for a newer one, the next refresh shows what the writer does, and no segment
// goes unchecked.
TEST(GoOn, ARefreshWithoutMemoryIsRepeated) {
  for (const bool newer : {false, true})
    for (long n = 1;; n += static_cast<long>(sweep_stride())) {
      SimEnv env;
      const auto db = SageDB::open(durable_options(env, kDim));
      for (int i = 0; i < 3; ++i) ASSERT_FALSE(put(*db, "a" + std::to_string(i), 1).error);
      const auto reader = reader_of(env);
      if (newer) db->checkpoint();
      for (int i = 0; i < 45; ++i) ASSERT_FALSE(put(*db, "b" + std::to_string(i), 1).error);
      fail_allocation_after(n, Exhaustion::passing);
      try {
        reader->refresh();
      } catch (const std::exception&) {
      }
      const bool reached = allocation_failed();
      fail_allocation_after(0);
      ASSERT_NO_THROW(reader->refresh()) << (newer ? "newer, " : "same, ") << n;
      ASSERT_EQ(content_of(*reader), content_of(*db)) << (newer ? "newer, " : "same, ") << n;
      // The blocks of what it shows are those it checks.
      ASSERT_EQ(reader->stats().check_total, reader_of(env)->stats().check_total)
          << (newer ? "newer, " : "same, ") << n;
      if (!reached) break;
    }
}

std::shared_ptr<SageDB> open_indexed(Env& env) {
  Options o = durable_options(env, 40, Metric::l2, IndexKind::hnsw);
  o.rebuild_threshold = 50;
  return SageDB::open(o);
}

SimDisk indexed_disk() {
  SimEnv env;
  std::mt19937_64 rng(3);
  std::vector<Vector> rows;
  for (int i = 0; i < 200; ++i) rows.push_back(random_vector(rng, 40));
  const auto db = open_indexed(env);
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, rows)));
  db->build_index(nullptr, nullptr);
  db->checkpoint();
  db->close();
  return env.disk();
}

// Property: an index that an open found damaged and that was made again is written by the next checkpoint, so that the next open finds it.
TEST(GoOn, ADamagedIndexIsWrittenAgain) {
  SimDisk disk = indexed_disk();
  for (const std::string& path : disk.paths())
    if (path.find("graph") != std::string::npos) (*disk.find(path))[20] ^= 1;
  for (const bool damaged : {true, false}) {
    SimEnv life(std::move(disk));
    const auto db = open_indexed(life);
    EXPECT_EQ(db->stats().last_error.empty(), !damaged) << db->stats().last_error;
    db->build_index(nullptr, nullptr);
    db->checkpoint();
    db->close();
    disk = life.disk();
  }
}

// A disk whose sectors under one file cannot be read.
class BadSectors final : public test::ForwardingEnv {
 public:
  BadSectors(Env& target, std::string path) : ForwardingEnv(target), path_(std::move(path)) {}
  std::unique_ptr<ReadableFile> open(const std::string& path) override {
    auto file = target_.open(path);
    if (path == path_) return std::make_unique<BadFile>(std::move(file));
    return file;
  }

 private:
  class BadFile final : public ReadableFile {
   public:
    explicit BadFile(std::unique_ptr<ReadableFile> file) : file_(std::move(file)) {}
    std::uint64_t size() const override { return file_->size(); }
    std::size_t read_at(std::uint64_t offset, void* out, std::size_t size) const override {
      if (offset + size > kHeaderSize) throw Error(ErrorCode::IO_ERROR, "read: I/O error");
      return file_->read_at(offset, out, size);
    }

   private:
    const std::unique_ptr<ReadableFile> file_;
  };

  const std::string path_;
};

std::string segment_of(SimDisk& disk, const std::string& kind) {
  for (const std::string& path : disk.paths())
    if (path.find("/" + kind + "-") != std::string::npos) return path;
  return "";
}

// Property: an index that the disk does not give any more is one to be made again; the next checkpoint writes it to another place. Any other part is the
// disk's error for whoever copies it, while searches and acknowledged writes go on.
TEST(GoOn, SectorsThatCannotBeRead) {
  for (const std::string kind : {"graph", "codes", "vectors"}) {
    SCOPED_TRACE(kind);
    SimDisk disk = indexed_disk();
    const std::string path = segment_of(disk, kind);
    ASSERT_NE(path, "");
    SimEnv life(std::move(disk));
    BadSectors env(life, path);
    const auto db = open_indexed(env);
    const auto add = [&] { return apply_one(*db, op_of(WriteOp::Kind::add, {Vector(40, 1.0f)})); };
    expect_ok(add());
    const Content content = content_of(*db);
    if (kind == "vectors") {
      EXPECT_EQ(code_of([&] { db->verify(nullptr, nullptr); }), ErrorCode::IO_ERROR);
      EXPECT_EQ(code_of([&] { db->checkpoint(); }), ErrorCode::IO_ERROR);
      expect_ok(add());
    } else {
      EXPECT_NO_THROW(db->build_index(nullptr, nullptr));
      EXPECT_NO_THROW(db->checkpoint());
      EXPECT_EQ(content_of(*db), content);
    }
    const Content last = content_of(*db);
    try {
      db->close();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::IO_ERROR);
    }
    SimEnv next(life.disk());
    const auto again = open_indexed(next);
    EXPECT_EQ(content_of(*again), last);
    EXPECT_EQ(again->stats().last_error, "");
    EXPECT_NO_THROW(again->verify(nullptr, nullptr));
  }
}

}  // namespace
}  // namespace sagedb
