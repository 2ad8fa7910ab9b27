// What a failure leaves behind: no space that is taken for nothing, no file that nobody removes, no thread that goes round for nothing, no folder in which
// the same cannot be tried again.
#include <gtest/gtest.h>

#include <thread>

#include "storage/file_header.h"
#include "storage/log_recovery.h"
#include "support/durable_fixture.h"
#include "support/failing_new.h"
#include "support/forwarding_env.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::ForwardingEnv;
using test::SimDisk;
using test::SimEnv;

OpResult put(SageDB& db, const std::string& name, std::size_t count, std::uint32_t dimension = 4) {
  std::vector<ExternalId> ids;
  for (std::size_t i = 0; i < count; ++i) ids.emplace_back(name + "-" + std::to_string(i));
  return apply_one(db, op_of(WriteOp::Kind::upsert, std::vector<Vector>(count, Vector(dimension, 1.5f)), ids));
}

std::size_t size_of(const SimEnv& env, const std::string& path) { return env.disk().find(path)->size(); }

// A batch of which a half completes itself with zeros.
OpResult put_failing(SageDB& db, std::size_t count) {
  std::vector<ExternalId> ids;
  for (std::size_t i = 0; i < count; ++i) ids.emplace_back("failed-" + std::to_string(i));
  Vector v(64, 0.0f);
  v[0] = 1;
  return apply_one(db, op_of(WriteOp::Kind::upsert, std::vector<Vector>(count, v), ids));
}

// Property: a batch of any size that fails gives its bytes back, and a close in order leaves nothing of it, also where they could not be cut off at once.
TEST(Leftovers, AFailedAppendIsCutOff) {
  for (const bool in_place : {true, false}) {  // with zeros ahead of the log's end, and without
    for (const std::size_t count : {std::size_t{1}, std::size_t{300}, std::size_t{6000}}) {
      for (const std::uint64_t failures : {std::uint64_t{1}, std::uint64_t{2}}) {
        SCOPED_TRACE(std::to_string(count) + " rows, failures " + std::to_string(failures));
        SimEnv env;
        env.set_in_place(in_place);
        const Options o = durable_options(env, 64);
        Content acknowledged;
        {
          auto db = SageDB::open(o);
          for (int i = 0; i < 20; ++i) expect_ok(put(*db, "a" + std::to_string(i), 1, 64));
          db->flush();
          const std::string log = join_path(kFolder, log_name(2));
          const std::size_t before = size_of(env, log);
          env.fail_at(1, ErrorCode::DISK_FULL, failures);
          EXPECT_TRUE(put_failing(*db, count).error.has_value());
          env.fail_at(0, ErrorCode::DISK_FULL);
          if (failures == 1) EXPECT_LE(size_of(env, log), before);
          acknowledged = content_of(*db);
          EXPECT_EQ(acknowledged.size(), 20u);
          EXPECT_NO_THROW(db->close());
        }
        EXPECT_EQ(content_of(*SageDB::open(o)), acknowledged);
      }
    }
  }
}

// Property: a log that cannot be made leaves no file, and the next attempt makes it.
TEST(Leftovers, ALogThatCannotBeMade) {
  int made = 0, poisoned = 0;
  for (std::uint64_t n = 1; n < 12; ++n) {
    SimEnv env;
    auto db = SageDB::open(durable_options(env));
    env.fail_at(n, ErrorCode::DISK_FULL);
    const bool refused = put(*db, "a", 1).error.has_value();
    env.fail_at(0, ErrorCode::DISK_FULL);
    if (!refused) continue;
    for (const std::string& name : env.list(kFolder))
      EXPECT_EQ(name.find(".tmp"), std::string::npos) << n << " " << name;
    const OpResult again = put(*db, "b", 1);
    ++(again.error ? poisoned : made);
    // The sync of the group itself, once the log was there.
    if (again.error) EXPECT_EQ(again.error->code(), ErrorCode::READ_ONLY) << n;
  }
  EXPECT_GT(made, 3);
  EXPECT_EQ(poisoned, 1);
}

// Property: versions of metadata that nobody sees any more are given back: by optimize(), and by themselves once they are more than the items.
TEST(Leftovers, VersionsOfMetadata) {
  SimEnv env;
  Options o = durable_options(env);
  o.rebuild_threshold = 100;
  auto db = SageDB::open(o);
  std::vector<ExternalId> ids;
  for (int i = 0; i < 200; ++i) ids.emplace_back(std::int64_t{i});
  const std::vector<std::string> texts(200, "{\"a\":\"" + std::string(200, 'x') + "\"}");
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::upsert, std::vector<Vector>(200, Vector(4, 1.0f)), ids, texts)));
  db->optimize(nullptr, nullptr);
  const std::uint64_t before = db->stats().segment_bytes;
  const std::uint64_t compactions = db->stats().compactions;
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::update, {}, {ids[0]}, {texts[0]})));
  db->optimize(nullptr, nullptr);
  EXPECT_GT(db->stats().compactions, compactions) << "one version is enough when somebody asks";
  for (int round = 0; round < 100; ++round) expect_ok(apply_one(*db, op_of(WriteOp::Kind::update, {}, ids, texts)));
  for (int i = 0; i < 600 && db->stats().compactions < compactions + 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_GE(db->stats().compactions, compactions + 2) << "nobody asked";
  db->optimize(nullptr, nullptr);
  EXPECT_LT(db->stats().segment_bytes, 2 * before);
  const Content content = content_of(*db);
  EXPECT_EQ(content.size(), 200u);
  db->verify(nullptr, nullptr);
  db->close();
  EXPECT_EQ(content_of(*SageDB::open(o)), content);
}

// Property: an obsolete file that cannot be removed keeps no other.
TEST(Leftovers, OneFileThatStays) {
  struct Stubborn final : ForwardingEnv {
    using ForwardingEnv::ForwardingEnv;
    void unlink(const std::string& path) override {
      if (path == stays) throw Error(ErrorCode::PERMISSION_DENIED, path);
      target_.unlink(path);
    }
    std::string stays;
  };
  SimEnv disk;
  Stubborn env(disk);
  auto db = SageDB::open(durable_options(env));
  std::size_t early = 0;
  for (int i = 0; i < 60; ++i) {
    expect_ok(put(*db, "a" + std::to_string(i % 7), 1));
    db->checkpoint();
    if (i == 0)
      for (const std::string& name : disk.list(kFolder))
        if (name.rfind("dead-", 0) == 0) env.stays = join_path(kFolder, name);
    if (i == 10) early = disk.list(kFolder).size();
  }
  ASSERT_FALSE(env.stays.empty());
  EXPECT_TRUE(disk.exists(env.stays));
  EXPECT_LT(disk.list(kFolder).size(), early + 20);
}

// Property: a snapshot that fails, whatever fails, leaves no file, and the same call then makes it.
TEST(Leftovers, AFailedSnapshot) {
  for (const bool read_only : {false, true}) {
    SimEnv env;
    Options o = durable_options(env);
    auto db = SageDB::open(o);
    for (int i = 0; i < 5; ++i) expect_ok(put(*db, "a" + std::to_string(i), 1));
    db->checkpoint();
    const Content content = content_of(*db);
    o.read_only = read_only;
    if (read_only) db = SageDB::open(o);
    int failed = 0;
    for (std::uint64_t n = 1;; ++n) {
      Options copy = durable_options(env);
      copy.path = "/backup/n" + std::to_string(n);
      bool threw = false;
      env.fail_at(n, ErrorCode::DISK_FULL);
      try {
        db->snapshot(copy.path);
      } catch (const Error&) {
        threw = true;
      }
      const bool reached = env.failed();
      env.fail_at(0, ErrorCode::IO_ERROR);
      if (threw) {
        ++failed;
        if (env.exists(copy.path))
          for (const std::string& name : env.list(copy.path)) EXPECT_EQ(name, "LOCK") << n;
        EXPECT_NO_THROW(db->snapshot(copy.path)) << n;
      }
      EXPECT_EQ(content_of(*SageDB::open(copy)), content) << n;
      if (!reached) break;
    }
    EXPECT_GT(failed, 8);
  }
}

// Property: a folder in which there is anything keeps it.
TEST(Leftovers, ASnapshotIntoAFolderThatIsUsed) {
  SimEnv env;
  auto db = SageDB::open(durable_options(env));
  expect_ok(put(*db, "a", 3));
  env.make_dir("/backup");
  env.create("/backup/mine")->append("x", 1);
  EXPECT_EQ(code_of([&] { db->snapshot("/backup"); }), ErrorCode::INVALID_ARGUMENT);
  EXPECT_EQ(env.list("/backup"), std::vector<std::string>{"mine"});
  Options other = durable_options(env);
  other.path = "/other";
  const auto holder = SageDB::open(other);
  EXPECT_NE(code_of([&] { db->snapshot("/other"); }), ErrorCode::INTERNAL);
  EXPECT_TRUE(env.exists("/other/CURRENT"));
}

// Property: a reader writes nothing under fresh checksums that it has not checked. Files that the writer has removed are read in their mappings.
TEST(Leftovers, AReaderCopiesOnlyWhatIsChecked) {
  SimEnv env;
  Options o = durable_options(env);
  auto db = SageDB::open(o);
  for (int i = 0; i < 20; ++i)
    expect_ok(
        apply_one(*db, op_of(WriteOp::Kind::upsert, {{float(i), 1, 2, 3}}, {ExternalId(std::int64_t{i})}, {"{}"})));
  db->checkpoint();
  for (const std::string& name : env.list(kFolder))
    if (name.rfind("vectors-", 0) == 0)
      env.write(env.disk().inode_of(join_path(kFolder, name)), kHeaderSize + 3, "\x40");
  Options reading = o;
  reading.read_only = true;
  EXPECT_EQ(code_of([&] { SageDB::open(reading)->snapshot("/backup/damaged"); }), ErrorCode::CORRUPTION);
  const auto reader = SageDB::open(reading);
  for (int i = 0; i < 10; ++i)
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::remove, {}, {ExternalId(std::int64_t{i})})));
  db->optimize(nullptr, nullptr);
  expect_ok(apply_one(*db, op_of(WriteOp::Kind::upsert, {{9, 1, 2, 3}}, {ExternalId(std::int64_t{99})}, {"{}"})));
  db->checkpoint();
  EXPECT_EQ(code_of([&] { reader->snapshot("/backup/unchecked"); }), ErrorCode::CORRUPTION);
  EXPECT_FALSE(env.exists("/backup/unchecked"));
  reader->refresh();
  reader->snapshot("/backup/sound");
  o.path = "/backup/sound";
  EXPECT_EQ(content_of(*SageDB::open(o)), content_of(*db));
}

// Property: an open that is refused for its options makes nothing.
TEST(Leftovers, ARefusedOpen) {
  SimEnv env;
  Options o = durable_options(env, 0);
  EXPECT_EQ(code_of([&] { SageDB::open(o); }), ErrorCode::INVALID_ARGUMENT);
  EXPECT_FALSE(env.exists(kFolder));
}

// A disk whose logs cannot be synced, and how often checkpoints were begun on it.
class FailingSync final : public ForwardingEnv {
 public:
  using ForwardingEnv::ForwardingEnv;
  std::unique_ptr<FileLock> lock(const std::string& path) override {
    struct Lock final : FileLock {
      Lock(std::unique_ptr<FileLock> of, std::atomic<long>& n) : held(std::move(of)), count(n) {}
      bool in_place() const noexcept override { return ++count, held->in_place(); }
      const std::unique_ptr<FileLock> held;
      std::atomic<long>& count;
    };
    return std::make_unique<Lock>(target_.lock(path), looks);
  }
  std::unique_ptr<WritableFile> create(const std::string& path) override {
    struct File final : WritableFile {
      File(std::unique_ptr<WritableFile> of, const std::atomic<bool>& f) : file(std::move(of)), fails(f) {}
      void append(const Bytes* pieces, std::size_t count) override { file->append(pieces, count); }
      void write_at(std::uint64_t at, const void* data, std::size_t size) override { file->write_at(at, data, size); }
      void trim(std::uint64_t size) override { file->trim(size); }
      bool writes_in_place() const noexcept override { return file->writes_in_place(); }
      void sync() override {
        if (fails) throw Error(ErrorCode::IO_ERROR, "a sync that fails");
        file->sync();
      }
      const std::unique_ptr<WritableFile> file;
      const std::atomic<bool>& fails;
    };
    return std::make_unique<File>(target_.create(path), fails);
  }
  std::atomic<long> looks{0};
  std::atomic<bool> fails{false};
};

// Property: after a failed sync of a batch that is as large as a checkpoint's log, nobody tries checkpoints without end, and builds go on.
TEST(Leftovers, AFailedSyncOfALargeBatch) {
  SimEnv disk;
  FailingSync env(disk);
  Options o = durable_options(env, 64, Metric::l2, IndexKind::hnsw);
  o.checkpoint_bytes = 64u << 10;
  auto db = SageDB::open(o);
  expect_ok(put(*db, "a", 50, 64));
  db->checkpoint();
  env.fails = true;
  EXPECT_TRUE(put(*db, "b", 400, 64).error.has_value());
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const long before = env.looks;
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(env.looks - before, 20);
  CancelToken cancel;
  std::atomic<bool> ended{false};
  std::thread builder([&] {
    try {
      db->build_index(&cancel, nullptr);
    } catch (const Error&) {
      // Its checkpoint may be refused.
    }
    ended = true;
  });
  for (int i = 0; i < 6000 && !ended; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(ended) << "a build waits for ever";
  cancel.cancel();
  builder.join();
  EXPECT_EQ(db->size(), 50u);
}

// Property: in mode memory nothing is durable that a failed checkpoint was to write.
TEST(Leftovers, TheSequenceOfAFailedCheckpoint) {
  struct NoSegments final : ForwardingEnv {
    using ForwardingEnv::ForwardingEnv;
    std::unique_ptr<WritableFile> create(const std::string& path) override {
      if (on && path.find(".seg") != std::string::npos) throw Error(ErrorCode::DISK_FULL, path);
      return target_.create(path);
    }
    bool on = false;
  };
  SimEnv disk;
  NoSegments env(disk);
  Options o = durable_options(env);
  o.durability = Durability::memory;
  auto db = SageDB::open(o);
  for (int i = 0; i < 5; ++i) expect_ok(put(*db, "a" + std::to_string(i), 1));
  EXPECT_EQ(db->stats().durable_sequence, 0u);
  env.on = true;
  EXPECT_THROW(db->flush(), Error);
  EXPECT_EQ(db->stats().durable_sequence, 0u);
  {
    SimEnv after(disk.disk());
    Options p = o;
    p.env = &after;
    EXPECT_EQ(SageDB::open(p)->size(), 0u);
  }
  env.on = false;
  db->flush();
  EXPECT_EQ(db->stats().durable_sequence, 5u);
}

// Property: an index that was found damaged while memory is short goes all the same, and no checkpoint names it again.
TEST(Leftovers, DamageFoundWithoutMemory) {
  SimEnv first;
  Options o = durable_options(first, 64, Metric::l2, IndexKind::hnsw);
  std::mt19937_64 rng(5);
  {
    auto db = SageDB::open(o);
    std::vector<Vector> rows;
    for (int i = 0; i < 300; ++i) rows.push_back(random_vector(rng, 64));
    expect_ok(apply_one(*db, op_of(WriteOp::Kind::add, rows)));
    db->build_index(nullptr, nullptr);
    db->close();
  }
  SimDisk disk = first.disk();
  for (const std::string& path : disk.paths())
    if (path.find("/codes-") != std::string::npos) (*disk.find(path))[4096 + 100] ^= 0x3f;
  int done = 0;
  for (long n = 1; done < 3; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    SimEnv env{SimDisk(disk)};
    o.env = &env;
    auto db = SageDB::open(o);
    expect_ok(put(*db, "new", 1, 64));
    bool threw = false;
    fail_allocation_after(n, Exhaustion::passing);
    try {
      db->checkpoint();
    } catch (const Error&) {
      threw = true;
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    fail_allocation_after(0);
    done += threw ? 0 : 1;
    if (db->stats().check_state != "damaged") continue;
    db->checkpoint();
    EXPECT_NO_THROW(db->verify(nullptr, nullptr));
    EXPECT_NE(db->stats().indexed_rows, 300u) << "the damaged index is in service";
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sagedb
