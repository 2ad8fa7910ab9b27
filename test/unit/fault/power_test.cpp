// Simulated losses of power after random runs, as many as time allows.
#include <gtest/gtest.h>

#include "support/engine_sweep.h"
#include "support/fault_run.h"
#include "support/ledger_sweep.h"

namespace sagedb {
namespace {

using test::FaultRun;
using test::LedgerHistory;
using test::SimEnv;

// The storage layer alone is checked thousands of times per second; the whole engine every so many runs.
constexpr std::uint64_t kLedgerRunsPerEngineRun = 24;

// Property: whatever survives a loss of power at any moment of any run opens, holds every acknowledged write and nothing that was never
// written; so does what survives a second loss during the recovery from the first, or one in the life after a kill.
TEST(Fault, PowerLoss) {
  FaultRun fault("power");
  for (std::uint64_t seed = fault.seed(); fault.going(); ++seed) {
    const auto run = [&](SimEnv& env, LedgerHistory* history) { test::random_ledger_run(env, history, seed); };
    const test::SweepResult r = test::sweep_ledger(run, {}, 2, seed, false);
    fault.count("ledgerLosses", r.images);
    fault.count("runs");
    ASSERT_EQ(r.violations, 0u) << "SAGEDB_FAULT_SEED=" << seed << ": " << r.first;
    if (seed % 4 == 0) {
      const test::SweepResult kills = test::sweep_ledger_kills(run, {}, 1, seed, false);
      fault.count("ledgerLosses", kills.images);
      ASSERT_EQ(kills.violations, 0u) << "SAGEDB_FAULT_SEED=" << seed << ": " << kills.first;
    }
    if ((seed - fault.seed()) % (4 * kLedgerRunsPerEngineRun) == 2 * kLedgerRunsPerEngineRun) {
      std::size_t losses = 0;
      ASSERT_EQ(testing::sweep_engine_kills(seed, 4, &losses), "") << "SAGEDB_FAULT_SEED=" << seed;
      fault.count("engineLosses", losses);
    }
    if ((seed - fault.seed()) % kLedgerRunsPerEngineRun != 0) continue;
    SimEnv env;
    testing::EngineHistory history;
    testing::run_engine(env, seed, &history);
    test::sweep_power_loss(SimEnv().disk(), env.journal(), 1, seed, [&](std::size_t moment, test::SimDisk disk) {
      fault.count("engineLosses");
      ASSERT_EQ(testing::check_engine(disk, history, history.promised_at(moment), history.after.size() - 1), "")
          << "SAGEDB_FAULT_SEED=" << seed << " moment " << moment;
    });
  }
}

}  // namespace
}  // namespace sagedb
