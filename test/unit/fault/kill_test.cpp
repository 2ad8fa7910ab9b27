// A writer process is killed (SIGKILL), at random moments and at named points of its file work, during recovery, too.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "support/fault_run.h"
#include "support/kill_ledger.h"
#include "support/writer_life.h"

namespace sagedb {
namespace {

namespace fs = std::filesystem;
using test::FaultRun;
using test::WriterLife;

// Opens, reads every checksum and compares; sometimes closes in order, sometimes not.
long inspect(const std::string& path, bool close, std::string* problem) {
  const auto db = SageDB::open(test::kill_options(path, Durability::fsync));
  const long n = test::read_kill_ledger(*db, problem);
  db->verify(nullptr, nullptr);
  if (close) db->close();
  return n;
}

// Property: whenever the writer is killed, the next open finds every acknowledged group, at most the one that was under way besides, and each
// whole. On a failure the folder stays where the message says.
TEST(Fault, KillAtAnyMoment) {
  constexpr int kLivesPerFolder = 250;
  FaultRun fault("kill");
  const fs::path base = fs::path(::testing::TempDir()) / ("sagedb-kill-" + std::to_string(::getpid()));
  std::mt19937_64 rng(fault.seed());
  for (int folder = 0; fault.going(); ++folder) {
    const std::string path = (base / std::to_string(folder)).string();
    long known = -1;
    for (int life = 0; life < kLivesPerFolder && fault.going(); ++life) {
      const test::WriterOrders orders = test::random_orders(path, rng);
      const WriterLife seen = test::run_writer(orders, [](pid_t pid) { ::kill(pid, SIGKILL); });
      SCOPED_TRACE("seed " + std::to_string(fault.seed()) + " folder " + path + " life " + std::to_string(life) + " " +
                   orders.point + " #" + std::to_string(orders.n) + " " + orders.when);
      ASSERT_EQ(seen.bad, "");
      ASSERT_TRUE(seen.killed) << "the writer ended by itself";
      if (seen.opened != -2) {
        ASSERT_GE(seen.opened, known) << "an acknowledged group is lost";
        ASSERT_LE(seen.opened, known + 1) << "a group that nobody wrote";
      }
      fault.count("cycles");
      fault.count(seen.at_point ? "atNamedPoints" : "atRandomMoments");
      if (seen.opened == -2) fault.count("duringOpen");
      fault.count("acknowledged", static_cast<std::uint64_t>(std::max<long>(0, seen.acknowledged - known)));
      known = std::max({known, seen.opened, seen.acknowledged});
      if (rng() % 8 != 0) continue;
      std::string problem;
      const long found = inspect(path, rng() % 2 == 0, &problem);
      ASSERT_EQ(problem, "");
      ASSERT_GE(found, known) << "an acknowledged group is lost";
      ASSERT_LE(found, known + 1) << "a group that nobody wrote";
      known = found;
      fault.count("inspections");
    }
    fs::remove_all(path);
  }
  fs::remove_all(base);
}

}  // namespace
}  // namespace sagedb
