// Space ahead of a log: zeros behind small frames, over which the next ones are written.
#include <gtest/gtest.h>

#include <functional>

#include "base/status.h"
#include "storage/log_reader.h"
#include "storage/log_recovery.h"
#include "storage/log_writer.h"
#include "support/forwarding_env.h"
#include "support/sim_env.h"

namespace sagedb {
namespace {

using test::SimDisk;
using test::SimEnv;
using test::SimOp;

constexpr const char* kDir = "/db";
const Uuid kDatabase{42};

std::string path() { return join_path(kDir, log_name(1)); }

std::unique_ptr<LogWriter> new_log(Env& env) {
  env.make_dir(kDir);
  LogStart start;
  start.database = kDatabase;
  start.number = 1;
  start.space_ahead = true;
  return LogWriter::create(env, kDir, start);
}

void add(LogWriter& log, const std::string& text) {
  const Bytes piece{text.data(), text.size()};
  log.append(1, &piece, 1);
}

std::vector<std::string> replay(Env& env) {
  std::vector<std::string> out;
  replay_logs(env, kDir, kDatabase, 1, 0, [&](const Frame&, const std::string& payload) { out.push_back(payload); });
  return out;
}

std::vector<std::string> replay(SimDisk disk) {
  SimEnv env(std::move(disk));
  return replay(env);
}

std::uint64_t length(const SimEnv& env) { return env.disk().find(path())->size(); }

// Frames after whose sync the file has another length than before: those that make the file system's journal write, too.
int grown_by(SimEnv& env, LogWriter& log, int frames, std::size_t size) {
  int grown = 0;
  for (int i = 0; i < frames; ++i) {
    const std::uint64_t before = length(env);
    add(log, std::string(size, 'x'));
    log.sync();
    grown += length(env) != before;
  }
  return grown;
}

// Property: of many small frames few make the file longer; it is never more than twice as long as what was written, nor 256 KiB longer; what lies
// ahead are zeros, and a seal leaves none of them.
TEST(SpaceAhead, FewFramesGrowTheFile) {
  SimEnv env;
  const auto log = new_log(env);
  EXPECT_LE(grown_by(env, *log, 300, 3000), 12);
  EXPECT_GT(length(env), log->size());
  for (int i = 0; i < 200; ++i) {
    add(*log, std::string(300, 'y'));
    ASSERT_LE(length(env), 2 * log->size());
    ASSERT_LE(length(env), log->size() + (256u << 10));
  }
  const std::string whole = *env.disk().find(path());
  EXPECT_EQ(whole.find_first_not_of('\0', log->size()), std::string::npos);
  EXPECT_EQ(replay(env).size(), 500u);
  log->seal();
  EXPECT_EQ(length(env), log->size());
  EXPECT_EQ(replay(env).size(), 500u);
}

// Property: there is none where it does not pay: behind large frames, and where the file system moves what is written again.
TEST(SpaceAhead, OnlyWhereItPays) {
  SimEnv env;
  const auto log = new_log(env);
  EXPECT_EQ(grown_by(env, *log, 10, 70'000), 10);
  EXPECT_EQ(length(env), log->size());
  SimEnv elsewhere;
  elsewhere.set_in_place(false);
  const auto other = new_log(elsewhere);
  EXPECT_EQ(grown_by(elsewhere, *other, 50, 100), 50);
  EXPECT_EQ(length(elsewhere), other->size());
}

// Property: zeros for which there is no room are done without; the frames before and after them count.
TEST(SpaceAhead, AFullDiskRefusesOnlyZeros) {
  SimEnv env;
  const auto log = new_log(env);
  std::uint64_t n = 0;
  for (int i = 0; i < 40; ++i) {
    const std::uint64_t before = env.operations();
    add(*log, std::string(500, 'a'));
    if (env.operations() == before + 1) continue;
    n = env.operations() - before;
    break;
  }
  ASSERT_EQ(n, 2u) << "the second operation of an append are the zeros";
  for (int i = 0; env.failed() == false && i < 1000; ++i) {
    const std::uint64_t before = length(env);
    env.fail_at(2, ErrorCode::DISK_FULL);
    add(*log, std::string(500, 'b'));
    if (!env.failed()) continue;
    EXPECT_GT(length(env), before) << "half of the zeros";
  }
  ASSERT_TRUE(env.failed());
  env.fail_at(0, ErrorCode::DISK_FULL);
  const std::size_t frames = static_cast<std::size_t>(log->last_sequence());
  EXPECT_FALSE(log->ended());
  for (int i = 0; i < 100; ++i) add(*log, std::string(500, 'c'));
  log->sync();
  EXPECT_EQ(log->durable_sequence(), frames + 100);
  EXPECT_EQ(replay(env).size(), frames + 100);
  log->seal();
  EXPECT_EQ(length(env), log->size());
}

// Property: whatever a loss of power leaves of a seal and of the cut behind it, everything before is read.
TEST(SpaceAhead, LossOfPowerDuringASeal) {
  SimEnv env;
  const auto log = new_log(env);
  for (int i = 0; i < 20; ++i) add(*log, "frame " + std::to_string(i));
  log->sync();
  const SimDisk start = env.disk();
  const std::size_t from = env.moment();
  log->seal();
  const std::vector<SimOp> journal(env.journal().begin() + static_cast<std::ptrdiff_t>(from), env.journal().end());
  int longer = 0, sealed = 0;
  test::sweep_power_loss(start, journal, 200, 11, [&](std::size_t, SimDisk disk) {
    longer += disk.find(path())->size() > log->size();
    ASSERT_EQ(replay(disk).size(), 20u);
    SimEnv after(std::move(disk));
    LogReader reader(after, kDir, 1, kDatabase);
    Frame frame;
    std::string payload;
    while (reader.next(&frame, &payload)) {
    }
    sealed += reader.sealed();
  });
  EXPECT_GT(longer, 100);
  EXPECT_GT(sealed, 100);
}

// Property: a frame that could not be written is none, though the zeros that were there complete it; what was before it is read.
TEST(SpaceAhead, ZerosDoNotCompleteAFailedFrame) {
  for (const std::size_t zeros : {0u, 300u}) {
    SimEnv env;
    const auto log = new_log(env);
    for (int i = 0; i < 20; ++i) add(*log, std::string(400, 'a'));
    log->sync();
    ASSERT_GT(length(env), log->size() + 500);
    env.fail_at(1, ErrorCode::IO_ERROR);
    EXPECT_THROW(add(*log, std::string(100, 'b') + std::string(zeros, '\0')), Error);
    env.fail_at(0, ErrorCode::IO_ERROR);
    EXPECT_TRUE(log->ended());
    EXPECT_EQ(replay(env).size(), 20u);
  }
}

// Property: nor do zeros of which only a part could be written before.
TEST(SpaceAhead, PartOfTheZerosDoesNotCompleteAFailedFrame) {
  SimEnv env;
  const auto log = new_log(env);
  env.fail_at(2, ErrorCode::DISK_FULL);
  add(*log, std::string(400, 'a'));
  ASSERT_TRUE(env.failed());
  env.fail_at(0, ErrorCode::IO_ERROR);
  log->sync();
  ASSERT_GT(length(env), log->size());
  env.fail_at(1, ErrorCode::IO_ERROR);
  EXPECT_THROW(add(*log, std::string(100, 'b') + std::string(300, '\0')), Error);
  env.fail_at(0, ErrorCode::IO_ERROR);
  EXPECT_TRUE(log->ended());
  EXPECT_EQ(length(env), log->size());
  EXPECT_EQ(replay(env).size(), 1u);
}

// Property: a log whose rest could not be cut off has ended like another, and reads the same.
TEST(SpaceAhead, ASealWithoutItsCut) {
  SimEnv env;
  const auto log = new_log(env);
  for (int i = 0; i < 20; ++i) add(*log, "frame");
  env.set_skip([](const SimOp& op) { return op.kind == SimOp::Kind::trim; });
  log->seal();
  EXPECT_GT(length(env), log->size());
  EXPECT_TRUE(log->ended());
  EXPECT_EQ(replay(env).size(), 20u);
  // A frame there is no space ahead.
  SimDisk disk = env.disk();
  std::string* const bytes = disk.find(path());
  const auto* const head = reinterpret_cast<const std::uint8_t*>(bytes->data());
  const FileHeader header = decode_header(head, kHeaderSize, FileKind::log, true, path());
  Frame frame;
  frame.first_sequence = 21;
  frame.operations = 1;
  frame.durable = 0;
  frame.payload_crc = log_seed(header.uuid);
  encode_frame(frame, log_seed(header.uuid), log->size(), reinterpret_cast<std::uint8_t*>(bytes->data()) + log->size());
  EXPECT_THROW(replay(disk), Error);
}

// A file that is read while it is written: every read sees what is there by then, and a hook runs before it.
class BesideEnv final : public test::ForwardingEnv {
 public:
  BesideEnv(SimEnv& sim, std::function<void()> before_read)
      : ForwardingEnv(sim), sim_(sim), before_read_(std::move(before_read)) {}
  std::unique_ptr<ReadableFile> open(const std::string& name) override {
    return std::make_unique<File>(*this, name, sim_.disk().find(name)->size());
  }

 private:
  class File final : public ReadableFile {
   public:
    File(BesideEnv& env, std::string name, std::uint64_t size) : env_(env), name_(std::move(name)), size_(size) {}
    std::uint64_t size() const override { return size_; }
    std::size_t read_at(std::uint64_t offset, void* out, std::size_t size) const override {
      env_.before_read_();
      const std::string now = *env_.sim_.disk().find(name_);
      if (offset >= now.size()) return 0;
      return now.copy(static_cast<char*>(out), size, offset);
    }

   private:
    BesideEnv& env_;
    const std::string name_;
    const std::uint64_t size_;
  };

  SimEnv& sim_;
  const std::function<void()> before_read_;
};

// Property: a frame that is written after a reader has looked for it, and before the reader looks what lies behind it, is no damage; real damage there
// still is.
TEST(SpaceAhead, AFrameBeingWrittenIsNoDamage) {
  for (int moment = 1; moment <= 12; ++moment) {
    SimEnv sim;
    const auto log = new_log(sim);
    add(*log, "before");
    log->sync();
    ASSERT_GT(length(sim), log->size());
    int reads = 0;
    BesideEnv beside(sim, [&] {
      if (++reads != moment) return;
      add(*log, "now");
      log->sync();
      add(*log, "behind it");
    });
    LogReader reader(beside, kDir, 1, kDatabase);
    std::vector<std::string> seen;
    Frame frame;
    std::string payload;
    while (reader.next(&frame, &payload)) seen.push_back(payload);
    ASSERT_GE(seen.size(), 1u) << moment;
    while (reads < moment) beside.open(path())->read_at(0, payload.data(), 0);
    LogReader again(beside, kDir, 1, kDatabase);
    again.resume(reader.end(), reader.last_sequence());
    while (again.next(&frame, &payload)) seen.push_back(payload);
    ASSERT_EQ(seen, (std::vector<std::string>{"before", "now", "behind it"})) << moment;
    SimDisk damaged = sim.disk();
    (*damaged.find(path()))[kHeaderSize + frame_size(6) + 5] ^= 1;
    EXPECT_THROW(replay(damaged), Error);
  }
}

// Property: the same where the frame ends behind what was the end of the file when the reader opened it: it is read by the next look.
TEST(SpaceAhead, AFrameThatOutgrowsTheFileIsNoDamage) {
  for (const std::size_t large : {5'000u, 20'000u, 90'000u}) {
    for (int moment = 1; moment <= 12; ++moment) {
      SimEnv sim;
      const auto log = new_log(sim);
      add(*log, "before");
      log->sync();
      ASSERT_LT(length(sim), log->size() + large);
      int reads = 0;
      BesideEnv beside(sim, [&] {
        if (++reads != moment) return;
        add(*log, std::string(large, 'n'));
        log->sync();
        add(*log, "behind it");
      });
      LogReader reader(beside, kDir, 1, kDatabase);
      Frame frame;
      std::string payload;
      std::size_t seen = 0;
      while (reader.next(&frame, &payload)) ++seen;
      while (reads < moment) beside.open(path())->read_at(0, payload.data(), 0);
      LogReader again(beside, kDir, 1, kDatabase);
      again.resume(reader.end(), reader.last_sequence());
      while (again.next(&frame, &payload)) ++seen;
      ASSERT_EQ(seen, 3u) << moment << ", " << large;
    }
  }
}

// Of a file that stays open everything before `fresh_from` is shown as it was when it was opened: a network's file system, whose pages are of different moments.
class StaleEnv final : public test::ForwardingEnv {
 public:
  StaleEnv(SimEnv& sim, std::function<void()> after_open)
      : ForwardingEnv(sim), sim_(sim), after_open_(std::move(after_open)) {}
  std::unique_ptr<ReadableFile> open(const std::string& name) override {
    auto file = std::make_unique<File>(*this, name, *sim_.disk().find(name));
    if (++opens == 1) after_open_();
    return file;
  }
  std::uint64_t fresh_from = 0;
  int opens = 0;

 private:
  class File final : public ReadableFile {
   public:
    File(StaleEnv& env, std::string name, std::string then)
        : env_(env), name_(std::move(name)), then_(std::move(then)) {}
    std::uint64_t size() const override { return then_.size(); }
    std::size_t read_at(std::uint64_t offset, void* out, std::size_t size) const override {
      std::string seen = *env_.sim_.disk().find(name_);
      seen.replace(0, env_.fresh_from, then_, 0, env_.fresh_from);
      if (offset >= seen.size()) return 0;
      return seen.copy(static_cast<char*>(out), size, offset);
    }

   private:
    StaleEnv& env_;
    const std::string name_, then_;
  };

  SimEnv& sim_;
  const std::function<void()> after_open_;
};

// Property: bytes of an open file that are older than those behind them are no damage.
TEST(SpaceAhead, AStalePageIsNoDamage) {
  SimEnv sim;
  const auto log = new_log(sim);
  for (int i = 0; i < 40; ++i) add(*log, std::string(200, 'a'));
  log->sync();
  const std::uint64_t before = log->size();
  StaleEnv stale(sim, [&] {
    add(*log, "now");
    log->sync();
    add(*log, "behind it");
  });
  stale.fresh_from = before + frame_size(3);
  ASSERT_GT(length(sim), before + 200);
  LogReader reader(stale, kDir, 1, kDatabase);
  std::vector<std::string> seen;
  Frame frame;
  std::string payload;
  while (reader.next(&frame, &payload)) seen.push_back(payload);
  ASSERT_EQ(seen.size(), 42u);
  EXPECT_EQ(seen.back(), "behind it");
  EXPECT_EQ(stale.opens, 2);
}

}  // namespace
}  // namespace sagedb
