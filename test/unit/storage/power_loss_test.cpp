// The whole protocol (log, segments, manifest, recovery) on a disk that loses power at every moment, fails at every operation, and against
// planted bugs, which the same checks must find.
#include <gtest/gtest.h>

#include <optional>

#include "base/status.h"
#include "support/ledger_sweep.h"
#include "support/setting.h"

namespace sagedb {
namespace {

using test::check_ledger;
using test::fixed_ledger_run;
using test::Ledger;
using test::LedgerBugs;
using test::LedgerHistory;
using test::SimEnv;
using test::SimOp;
using test::sweep_ledger;
using test::SweepResult;
using testing::setting;

constexpr const char* kDir = "/db";

// Property: whatever survives a loss of power at any moment opens, holds every acknowledged value and no value that was never written.
// SAGEDB_SIM_IMAGES and SAGEDB_SIM_SEED make it a long run.
TEST(PowerLoss, NothingAcknowledgedIsLost) {
  const std::uint64_t seed = setting("SAGEDB_SIM_SEED", 20260101);
  const int images = static_cast<int>(setting("SAGEDB_SIM_IMAGES", 12));
  const auto run = [](SimEnv& env, LedgerHistory* history) { fixed_ledger_run(env, history, {}); };
  const SweepResult r = sweep_ledger(run, {}, images, seed, false);
  std::printf("[ power    ] seed %llu: %zu simulated losses, %zu violations\n", static_cast<unsigned long long>(seed),
              r.images, r.violations);
  EXPECT_EQ(r.violations, 0u) << r.first;
  EXPECT_GT(r.images, 1000u);
}

// Property: the same when a process was killed before, so that what the next one builds upon need not be durable.
TEST(PowerLoss, NothingAcknowledgedIsLostInTheLifeAfterAKill) {
  const std::uint64_t seed = setting("SAGEDB_SIM_SEED", 20260101);
  const auto run = [](SimEnv& env, LedgerHistory* history) { fixed_ledger_run(env, history, {}); };
  const SweepResult r = test::sweep_ledger_kills(run, {}, 4, seed, false);
  std::printf("[ power    ] seed %llu: %zu simulated losses, %zu violations\n", static_cast<unsigned long long>(seed),
              r.images, r.violations);
  EXPECT_EQ(r.violations, 0u) << r.first;
  EXPECT_GT(r.images, 1000u);
  LedgerBugs bugs;
  bugs.no_sync_at_open = true;
  EXPECT_GT(test::sweep_ledger_kills(run, bugs, 4, seed, true).violations, 0u) << "not found";
}

bool names(const SimOp& op, const char* part) { return op.path.find(part) != std::string::npos; }

struct Planted {
  const char* name;
  LedgerBugs bugs;
  std::function<bool(const SimOp&)> skip;
};

// Property: the sweep above is able to fail: it finds each of these.
TEST(PowerLoss, FindsPlantedBugs) {
  LedgerBugs unlink_first, unsynced, after_torn, drop;
  unlink_first.unlink_first = true;
  unsynced.acknowledge_unsynced = true;
  after_torn.append_after_torn = true;
  drop.drop_unconfirmed = true;
  const auto sync_of = [](const char* part) {
    return [part](const SimOp& op) { return op.kind == SimOp::Kind::sync && names(op, part); };
  };
  // The n-th sync_dir after each CURRENT.tmp sync, or those not belonging to a publication.
  int since_current = 0;
  const auto dir_sync = [&since_current](int nth) {
    return [&since_current, nth](const SimOp& op) {
      if (op.kind == SimOp::Kind::sync && names(op, "CURRENT")) since_current = 2;
      if (op.kind != SimOp::Kind::sync_dir) return false;
      const int place = since_current == 0 ? 0 : 3 - since_current;
      since_current = std::max(0, since_current - 1);
      return place == nth;
    };
  };
  const Planted planted[] = {
      {"log frames not synced", {}, sync_of("wal-")},
      {"segment not synced", {}, sync_of(".seg")},
      {"manifest not synced", {}, sync_of("MANIFEST")},
      {"CURRENT.tmp not synced", {}, sync_of("CURRENT")},
      {"folder not synced after a new log", {}, dir_sync(0)},
      {"folder not synced before CURRENT is renamed", {}, dir_sync(1)},
      {"folder not synced before old files go", {}, dir_sync(2)},
      {"old segments removed before the switch", unlink_first, nullptr},
      {"acknowledged before the sync", unsynced, nullptr},
      {"appended after a torn tail", after_torn, nullptr},
      {"unconfirmed frames not taken over", drop, nullptr},
  };
  for (const Planted& bug : planted) {
    since_current = 0;
    const auto run = [&](SimEnv& env, LedgerHistory* history) {
      env.set_skip(bug.skip);
      fixed_ledger_run(env, history, bug.bugs);
    };
    const SweepResult r = sweep_ledger(run, bug.bugs, 40, 7, true);
    EXPECT_GT(r.violations, 0u) << "not found: " << bug.name;
    std::printf("[ planted  ] %s: %s\n", bug.name, r.first.substr(0, 110).c_str());
  }
}

// Property: when the n-th operation fails (once, or from then on), the process sees a typed error, keeps what it had, can go on when the disk
// recovers unless a sync failed, and a reopen finds every acknowledged value.
void fail_every_operation(ErrorCode code, bool once) {
  for (std::uint64_t n = 1;; ++n) {
    SimEnv env;
    LedgerHistory history;
    env.fail_at(n, code, once ? 1 : ~std::uint64_t{0});
    try {
      fixed_ledger_run(env, &history, {});
    } catch (const Error& e) {
      ASSERT_TRUE(e.code() == code || e.code() == ErrorCode::READ_ONLY) << e.message();
    }
    const bool reached = env.failed();
    env.fail_at(0, code);
    const std::uint64_t promised = history.promised_at(env.moment());
    SCOPED_TRACE("operation " + std::to_string(n));
    // The process dies, the machine lives on; or the machine dies, too.
    ASSERT_EQ(check_ledger(env.disk(), promised, history.attempted, {}, 0), "");
    test::SimRandom random(n);
    for (int i = 0; i < 4; ++i)
      ASSERT_EQ(check_ledger(env.disk().after_power_loss(random), promised, history.attempted, {}, 0), "");
    if (!reached) break;
    ASSERT_LT(n, 10000u);
  }
}

TEST(Failures, EveryOperationOnce) { fail_every_operation(ErrorCode::IO_ERROR, true); }
TEST(Failures, EveryOperationFromThenOn) { fail_every_operation(ErrorCode::IO_ERROR, false); }
TEST(Failures, DiskFullFromEveryOperationOn) { fail_every_operation(ErrorCode::DISK_FULL, false); }

// Property: a checkpoint that fails anywhere leaves a database that keeps taking writes and checkpoints, unless a sync of the log failed.
TEST(Failures, AFailedCheckpointIsNotTheEnd) {
  for (std::uint64_t n = 1;; ++n) {
    SimEnv env;
    Ledger ledger(env, kDir);
    ledger.write(5, true);
    ledger.checkpoint();
    ledger.write(5, true);
    env.fail_at(n, ErrorCode::IO_ERROR);
    try {
      ledger.checkpoint();
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), ErrorCode::IO_ERROR);
    }
    const bool reached = env.failed();
    env.fail_at(0, ErrorCode::IO_ERROR);
    SCOPED_TRACE("operation " + std::to_string(n));
    test::SimRandom random(n);
    const auto expect_size = [&](std::uint64_t size) {
      for (int i = 0; i < 6; ++i) ASSERT_EQ(check_ledger(env.disk().after_power_loss(random), size, size, {}, 0), "");
      ASSERT_EQ(check_ledger(env.disk(), size, size, {}, 0), "");
    };
    expect_size(10);
    if (!ledger.poisoned()) {
      ASSERT_NO_THROW(ledger.write(3, true));
      expect_size(13);
      ASSERT_NO_THROW(ledger.checkpoint());
      ASSERT_NO_THROW(ledger.write(2, true));
      expect_size(15);
    }
    if (!reached) break;
  }
}

}  // namespace
}  // namespace sagedb
