// The write-ahead log: frames are whole or absent, damage is told from loss of power.
#include <gtest/gtest.h>

#include "base/status.h"
#include "storage/log_reader.h"
#include "storage/log_recovery.h"
#include "storage/log_writer.h"
#include "support/sim_env.h"

namespace sagedb {
namespace {

using test::SimDisk;
using test::SimEnv;

constexpr const char* kDir = "/db";

Uuid database() {
  Uuid u{};
  u[0] = 42;
  return u;
}

std::unique_ptr<LogWriter> new_log(Env& env, std::uint64_t number = 1, Sequence last = 0, bool space_ahead = false) {
  env.make_dir(kDir);
  LogStart start;
  start.database = database();
  start.number = number;
  start.last_sequence = last;
  start.space_ahead = space_ahead;
  return LogWriter::create(env, kDir, start);
}

void add(LogWriter& log, const std::string& text, std::uint32_t operations = 1) {
  const Bytes piece{text.data(), text.size()};
  log.append(operations, &piece, 1);
}

struct Replayed {
  std::vector<std::string> payloads;
  RecoveredLogs logs;
};

Replayed replay(Env& env) {
  Replayed out;
  out.logs = replay_logs(env, kDir, database(), 1, 0,
                         [&](const Frame&, const std::string& payload) { out.payloads.push_back(payload); });
  return out;
}

ErrorCode replay_code(SimDisk disk) {
  SimEnv env(std::move(disk));
  try {
    replay(env);
  } catch (const Error& e) {
    return e.code();
  }
  return ErrorCode::INTERNAL;  // stands for success here
}
constexpr ErrorCode kNoError = ErrorCode::INTERNAL;

std::string path_of(std::uint64_t number) { return join_path(kDir, log_name(number)); }

// Property: what was appended comes back in order, whatever the sizes.
TEST(Log, RoundTrip) {
  SimEnv env;
  const auto log = new_log(env);
  std::vector<std::string> texts;
  for (std::size_t size : {0u, 1u, 7u, 8u, 9u, 511u, 512u, 4096u, 70000u, 3u})
    texts.push_back(std::string(size, static_cast<char>('a' + size % 26)));
  for (const std::string& t : texts) add(*log, t, 3);
  EXPECT_EQ(log->last_sequence(), 30u);
  EXPECT_EQ(log->durable_sequence(), 0u);
  log->sync();
  EXPECT_EQ(log->durable_sequence(), 30u);
  const Replayed r = replay(env);
  EXPECT_EQ(r.payloads, texts);
  EXPECT_EQ(r.logs.last_sequence, 30u);
}

// A frame that is written in steps, of pieces that are longer and shorter than a step, without a repeating pattern.
struct LargeFrame {
  LargeFrame() : text((std::size_t{2} << 20) + 4321, ' ') {
    test::SimRandom random(3);
    for (char& c : text) c = static_cast<char>(random.next());
    const std::size_t cuts[] = {0, 100, 100 + (std::size_t{3} << 19), text.size()};
    for (std::size_t i = 0; i < 3; ++i) pieces[i] = Bytes{text.data() + cuts[i], cuts[i + 1] - cuts[i]};
  }
  std::string text;
  Bytes pieces[3];
};

// Property: a loss of power at any moment of a large frame leaves it whole or not at all; once synced it is there, and so is what follows.
TEST(Log, LargeFrameIsWholeOrAbsent) {
  SimEnv env;
  const auto log = new_log(env);
  const LargeFrame large;
  add(*log, "before");
  log->sync();
  const SimDisk start = env.disk();
  const std::size_t began = env.journal().size();
  log->append(1, large.pieces, 3);
  const std::size_t written = env.journal().size() - began;
  EXPECT_GT(written, 4u) << "not in steps";
  log->sync();
  add(*log, "after");
  std::size_t whole = 0, absent = 0;
  const std::vector<test::SimOp> journal(env.journal().begin() + static_cast<std::ptrdiff_t>(began),
                                         env.journal().end());
  test::sweep_power_loss(start, journal, 8, 11, [&](std::size_t moment, SimDisk disk) {
    SimEnv after(std::move(disk));
    const std::vector<std::string> found = replay(after).payloads;
    ASSERT_GE(found.size(), moment > written ? 2u : 1u) << moment;
    ASSERT_EQ(found[0], "before");
    if (found.size() > 1) ASSERT_TRUE(found[1] == large.text) << moment;
    ++(found.size() > 1 ? whole : absent);
  });
  EXPECT_GT(whole, 0u);
  EXPECT_GT(absent, 0u);
}

// Property: when a step of a large frame fails, the log ends before it.
TEST(Log, FailedStepOfALargeFrameTears) {
  const LargeFrame large;
  for (std::uint64_t step = 1;; ++step) {
    SimEnv env;
    const auto log = new_log(env);
    add(*log, "before");
    env.fail_at(step, ErrorCode::DISK_FULL);
    try {
      log->append(1, large.pieces, 3);
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), ErrorCode::DISK_FULL);
    }
    const bool failed = env.failed();
    EXPECT_EQ(log->ended(), failed) << step;
    env.fail_at(0, ErrorCode::DISK_FULL);
    log->sync();
    ASSERT_EQ(replay(env).payloads.size(), failed ? 1u : 2u) << step;
    if (!failed) break;
    ASSERT_LT(step, 100u);
  }
}

// Property: cut anywhere, a log gives the whole frames before the cut and never an error, and the successor keeps exactly those.
void every_truncation_gives_a_whole_prefix(bool space_ahead) {
  SimEnv env;
  const auto log = new_log(env, 1, 0, space_ahead);
  std::vector<std::uint64_t> ends{log->size()};
  for (int i = 0; i < 6; ++i) {
    add(*log, std::string(static_cast<std::size_t>(i * 9), 'x'));
    ends.push_back(log->size());
  }
  const std::string whole = *env.disk().find(path_of(1));
  for (std::size_t cut = kHeaderSize; cut <= whole.size(); ++cut) {
    SimDisk disk = env.disk();
    disk.put(path_of(1), whole.substr(0, cut));
    SimEnv after(disk);
    const Replayed r = replay(after);
    std::size_t expected = 0;
    while (expected + 1 < ends.size() && ends[expected + 1] <= cut) ++expected;
    ASSERT_EQ(r.payloads.size(), expected) << cut;
    // Never append after a torn tail: the next log says where this one ends, and both replay to the same state.
    const auto next = LogWriter::create(after, kDir, r.logs.next);
    add(*next, "later");
    next->sync();
    const Replayed again = replay(after);
    ASSERT_EQ(again.payloads.size(), expected + 1) << cut;
    ASSERT_EQ(again.payloads.back(), "later");
  }
  for (std::size_t cut = 0; cut < kHeaderSize; cut += 13) {
    SimDisk disk = env.disk();
    disk.put(path_of(1), whole.substr(0, cut));
    EXPECT_EQ(replay_code(disk), ErrorCode::CORRUPTION) << cut;
  }
}

TEST(Log, EveryTruncationGivesAWholePrefix) {
  for (const bool space_ahead : {false, true}) every_truncation_gives_a_whole_prefix(space_ahead);
}

// Property: in a sealed log every single-bit flip in header, frames and payloads is noticed; padding carries nothing.
TEST(Log, EveryFlipInASealedLogIsNoticed) {
  SimEnv env;
  const auto log = new_log(env);
  std::vector<bool> padding(kHeaderSize, false);
  for (std::size_t i = 0; i < 4; ++i) {
    add(*log, std::string(20 + i, 'x'));
    padding.resize(padding.size() + kFrameHeader + 20 + i, false);
    padding.resize(log->size(), true);
  }
  log->seal();
  const std::string whole = *env.disk().find(path_of(1));
  ASSERT_EQ(replay_code(env.disk()), kNoError);
  for (std::size_t at = 0; at < padding.size(); ++at) {
    for (int bit = 0; bit < 8; bit += at < kHeaderSize ? 5 : 1) {
      SimDisk disk = env.disk();
      (*disk.find(path_of(1)))[at] ^= static_cast<char>(1 << bit);
      ASSERT_EQ(replay_code(disk), padding[at] ? kNoError : ErrorCode::CORRUPTION) << "byte " << at << " bit " << bit;
    }
  }
  // Without its seal it is a log that was not closed, and still gives everything.
  for (std::size_t at = padding.size(); at < whole.size(); ++at) {
    SimDisk disk = env.disk();
    (*disk.find(path_of(1)))[at] ^= 1;
    SimEnv after(disk);
    ASSERT_EQ(replay(after).payloads.size(), 4u) << at;
  }
}

// Property: in a log that was not closed, damage to a frame is noticed when any later frame knows that it was durable; an unsynced gap
// before an unsynced frame is what a loss of power leaves, and ends the log.
void damage_is_told_from_loss_of_power(bool space_ahead) {
  SimEnv env;
  const auto log = new_log(env, 1, 0, space_ahead);
  add(*log, "first");
  const std::uint64_t second = log->size();
  add(*log, "second");
  add(*log, "third");
  SimDisk lost = env.disk();
  (*lost.find(path_of(1)))[second + 5] ^= 1;
  SimEnv unsynced(lost);
  EXPECT_EQ(replay(unsynced).payloads, std::vector<std::string>{"first"});

  log->sync();
  add(*log, "fourth");
  SimDisk damaged = env.disk();
  (*damaged.find(path_of(1)))[second + 5] ^= 1;
  EXPECT_EQ(replay_code(damaged), ErrorCode::CORRUPTION);
  damaged = env.disk();
  (*damaged.find(path_of(1)))[second + kFrameHeader] ^= 1;  // the payload
  EXPECT_EQ(replay_code(damaged), ErrorCode::CORRUPTION);
}

TEST(Log, DamageIsToldFromLossOfPower) {
  for (const bool space_ahead : {false, true}) damage_is_told_from_loss_of_power(space_ahead);
}

// Property: frames of another log, or of this log at another place, never verify.
TEST(Log, RecycledBytesNeverVerify) {
  SimEnv env;
  const auto old = new_log(env, 1);
  for (int i = 0; i < 5; ++i) add(*old, "old old old");
  old->sync();
  const std::string stale = *env.disk().find(path_of(1));
  const auto log = new_log(env, 1);
  add(*log, "new");
  log->sync();
  SimDisk disk = env.disk();
  std::string* content = disk.find(path_of(1));
  ASSERT_LT(content->size(), stale.size());
  const std::uint64_t end = content->size();
  content->append(stale.substr(end));  // stale bytes at their old places
  content->append(content->substr(kHeaderSize, end - kHeaderSize));  // our own frame at another place
  SimEnv after(disk);
  EXPECT_EQ(replay(after).payloads, std::vector<std::string>{"new"});
}

// A frame of another database, or at another place of a log, is none.
TEST(Log, AFrameIsGoodInItsLogAndAtItsPlaceOnly) {
  Uuid other = database();
  other[15] ^= 1;
  const std::uint32_t seed = log_seed(database());
  EXPECT_NE(seed, log_seed(other));
  Frame frame;
  frame.payload_size = 5;
  frame.first_sequence = 7;
  frame.operations = 1;
  std::uint8_t bytes[kFrameHeader];
  encode_frame(frame, seed, 4096, bytes);
  Frame read;
  EXPECT_TRUE(decode_frame(bytes, seed, 4096, &read));
  EXPECT_EQ(read.first_sequence, 7u);
  EXPECT_FALSE(decode_frame(bytes, log_seed(other), 4096, &read));
  EXPECT_FALSE(decode_frame(bytes, seed, 4104, &read));
}

// Property: after a failed sync nothing is accepted, and nothing that was not durable is ever claimed to be.
TEST(Log, FailedSyncPoisons) {
  SimEnv env;
  const auto log = new_log(env);
  add(*log, "kept");
  log->sync();
  add(*log, "unknown");
  env.fail_at(1, ErrorCode::IO_ERROR);
  EXPECT_THROW(log->sync(), Error);
  EXPECT_TRUE(log->poisoned());
  EXPECT_EQ(log->durable_sequence(), 1u);
  for (int i = 0; i < 2; ++i) {
    try {
      if (i == 0)
        add(*log, "refused");
      else
        log->sync();
      FAIL();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::READ_ONLY);
    }
  }
  // A reopen reads the frame from the cache although the disk may not have it: it is written again into the next log,
  // so that losing power afterwards cannot take it back.
  const Replayed r = replay(env);
  EXPECT_EQ(r.payloads, (std::vector<std::string>{"kept", "unknown"}));
  const auto next = LogWriter::create(env, kDir, r.logs.next);
  add(*next, "later");
  next->sync();
  test::SimRandom random(1);
  for (int i = 0; i < 200; ++i) {
    SimEnv after(env.disk().after_power_loss(random));
    ASSERT_EQ(replay(after).payloads, (std::vector<std::string>{"kept", "unknown", "later"}));
  }
}

// Property: a full disk tears the log; the next log continues from the whole frames.
TEST(Log, FullDiskTearsAndTheNextLogContinues) {
  SimEnv env;
  auto log = new_log(env);
  add(*log, "kept");
  log->sync();
  const std::uint64_t whole = log->size();
  env.fail_at(1, ErrorCode::DISK_FULL);
  try {
    add(*log, std::string(2000, 'x'));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::DISK_FULL);
  }
  EXPECT_TRUE(log->ended());
  EXPECT_FALSE(log->poisoned());
  EXPECT_THROW(add(*log, "refused"), Error);
  EXPECT_EQ(log->size(), whole);
  LogStart start;
  start.database = database();
  start.number = 2;
  start.last_sequence = log->last_sequence();
  start.previous_number = 1;
  start.previous_size = log->size();
  log = LogWriter::create(env, kDir, start);
  add(*log, "more");
  log->sync();
  EXPECT_EQ(replay(env).payloads, (std::vector<std::string>{"kept", "more"}));
}

// Property: a missing, foreign or misplaced log is refused.
TEST(Log, BrokenChainsAreRefused) {
  SimEnv env;
  new_log(env, 1)->seal();
  LogStart start;
  start.database = database();
  start.number = 2;
  start.previous_number = 1;
  start.previous_size = kHeaderSize;
  add(*LogWriter::create(env, kDir, start), "two");
  start.number = 3;
  start.previous_number = 2;
  start.last_sequence = 1;
  start.previous_size = env.disk().find(path_of(2))->size();
  add(*LogWriter::create(env, kDir, start), "three");
  ASSERT_EQ(replay_code(env.disk()), kNoError);
  for (std::uint64_t missing : {1u, 2u}) {
    SimDisk disk = env.disk();
    disk.erase(path_of(missing));
    EXPECT_EQ(replay_code(disk), ErrorCode::CORRUPTION) << missing;
  }
  SimDisk swapped = env.disk();
  swapped.put(path_of(2), *env.disk().find(path_of(3)));
  EXPECT_EQ(replay_code(swapped), ErrorCode::CORRUPTION);
  SimDisk shortened = env.disk();
  shortened.find(path_of(2))->pop_back();
  EXPECT_EQ(replay_code(shortened), ErrorCode::CORRUPTION) << "a log with a successor has no torn tail";
  SimEnv other(env.disk());
  EXPECT_THROW(replay_logs(other, kDir, Uuid{}, 1, 0, [](const Frame&, const std::string&) {}), Error);
}

}  // namespace
}  // namespace sagedb
