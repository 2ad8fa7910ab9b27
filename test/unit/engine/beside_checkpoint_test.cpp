// What others do in the midst of a checkpoint, at every one of its steps.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "support/durable_fixture.h"
#include "support/forwarding_env.h"
#include "support/hooked_env.h"

namespace sagedb {
namespace {

using namespace sagedb::testing;
using test::ForwardingEnv;
using test::HookedEnv;
using test::SimEnv;

// A disk that refuses one thread the next append to a log.
class RefusingEnv final : public ForwardingEnv {
 public:
  using ForwardingEnv::ForwardingEnv;
  std::unique_ptr<WritableFile> create(const std::string& path) override {
    auto file = target_.create(path);
    if (path.find("/wal-") == std::string::npos) return file;
    return std::make_unique<File>(std::move(file), refuses);
  }

  std::atomic<std::thread::id> refuses{};

 private:
  class File final : public WritableFile {
   public:
    File(std::unique_ptr<WritableFile> file, std::atomic<std::thread::id>& refuses)
        : file_(std::move(file)), refuses_(refuses) {}
    using WritableFile::append;
    void append(const Bytes* pieces, std::size_t count) override {
      std::thread::id writer = std::this_thread::get_id();
      if (refuses_.compare_exchange_strong(writer, std::thread::id()))
        throw Error(ErrorCode::DISK_FULL, "the disk is full");
      file_->append(pieces, count);
    }
    void write_at(std::uint64_t offset, const void* data, std::size_t size) override {
      file_->write_at(offset, data, size);
    }
    void trim(std::uint64_t size) override { file_->trim(size); }
    bool writes_in_place() const noexcept override { return file_->writes_in_place(); }
    void sync() override { file_->sync(); }

   private:
    const std::unique_ptr<WritableFile> file_;
    std::atomic<std::thread::id>& refuses_;
  };
};

OpResult put(SageDB& db, const std::string& id) {
  return apply_one(db, op_of(WriteOp::Kind::upsert, {Vector(4, 1.5f)}, {ExternalId(id)}));
}

// Property: at whichever step of a checkpoint a write fails, so that the next one begins another log, no acknowledged write is lost, neither by a kill nor by a
// close, and no write fails but the one that the disk refused.
TEST(BesideACheckpoint, AWriteThatFailsAndOneThatBeginsAnotherLog) {
  bool reached = true;
  for (std::uint64_t step = 1; reached; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    SimEnv disk;
    RefusingEnv refusing(disk);
    std::thread::id checkpointing;
    std::uint64_t steps = 0;
    std::function<void()> beside;
    std::future<void> done;
    HookedEnv env(refusing, [&](std::uint64_t) {
      if (std::this_thread::get_id() != checkpointing || ++steps != step) return;
      done = std::async(std::launch::async, beside);
      // While the checkpoint holds the writers up, they go on behind this step.
      done.wait_for(std::chrono::milliseconds(20));
    });
    Options o = durable_options(disk);
    o.env = &env;
    const auto db = SageDB::open(o);
    beside = [&] {
      refusing.refuses = std::this_thread::get_id();
      const OpResult refused = put(*db, "refused");
      ASSERT_TRUE(refused.error.has_value());
      EXPECT_EQ(refused.error->code(), ErrorCode::DISK_FULL) << refused.error->message();
      for (const char* id : {"after-1", "after-2"}) {
        const OpResult r = put(*db, id);
        EXPECT_FALSE(r.error.has_value()) << r.error->message();
      }
    };
    for (int i = 0; i < 3; ++i) expect_ok(put(*db, "before-" + std::to_string(i)));
    db->checkpoint();  // so that there is an older generation
    expect_ok(put(*db, "before-3"));
    checkpointing = std::this_thread::get_id();
    db->checkpoint();
    checkpointing = std::thread::id();
    reached = done.valid();
    if (reached) done.get();
    const Content content = content_of(*db);
    EXPECT_EQ(content.size(), reached ? 6u : 4u);
    SimEnv killed(disk.disk());
    EXPECT_EQ(content_of(*SageDB::open(durable_options(killed))), content);
    db->close();
    SimEnv closed(disk.disk());
    EXPECT_EQ(content_of(*SageDB::open(durable_options(closed))), content);
  }
}

}  // namespace
}  // namespace sagedb
