#include "support/ledger_sweep.h"

#include <algorithm>

#include "base/status.h"

namespace sagedb::test {
namespace {

constexpr const char* kDir = "/db";

class Run {
 public:
  Run(SimEnv& env, LedgerHistory* history, const LedgerBugs& bugs) : env_(env), history_(history), bugs_(bugs) {
    open();
  }

  void write(std::uint32_t count, bool durable) {
    history_->attempted = ledger_->size() + count;
    ledger_->write(count, durable);
    if (durable) promise();
  }
  void sync() {
    ledger_->sync();
    promise();
  }
  void checkpoint() {
    ledger_->checkpoint();
    promise();
  }
  // Without close it is like a killed process: what was written stays in the system's cache, and what the reopened database shows must hold.
  void reopen(bool close) {
    if (close) ledger_->close();
    ledger_.reset();
    open();
    promise();
  }

 private:
  void open() { ledger_ = std::make_unique<Ledger>(env_, kDir, bugs_); }
  void promise() { history_->promise(env_, *ledger_); }

  SimEnv& env_;
  LedgerHistory* const history_;
  const LedgerBugs bugs_;
  std::unique_ptr<Ledger> ledger_;
};

}  // namespace

std::uint64_t LedgerHistory::promised_at(std::size_t moment) const {
  std::uint64_t size = 0;
  for (const Acknowledged& a : durable)
    if (a.moment <= moment) size = a.size;
  return size;
}

void fixed_ledger_run(SimEnv& env, LedgerHistory* history, const LedgerBugs& bugs) {
  Run run(env, history, bugs);
  for (std::uint32_t i = 1; i <= 3; ++i) run.write(i, true);
  run.write(2, false);
  run.write(9, false);
  run.write(1, true);
  run.checkpoint();
  run.write(8, true);
  run.write(1, false);
  run.reopen(false);
  run.write(3, true);
  run.checkpoint();
  run.checkpoint();
  run.write(2, true);
  run.reopen(true);
  run.write(1, true);
  run.checkpoint();
}

void random_ledger_run(SimEnv& env, LedgerHistory* history, std::uint64_t seed) {
  SimRandom random(seed);
  Run run(env, history, {});
  for (std::uint64_t steps = 8 + random.below(16); steps > 0; --steps) {
    switch (random.below(12)) {
      case 0:
        run.checkpoint();
        break;
      case 1:
        run.reopen(random.chance(0.5));
        break;
      case 2:
        run.sync();
        break;
      default:
        run.write(1 + static_cast<std::uint32_t>(random.below(9)), random.chance(0.6));
    }
  }
}

std::string check_ledger(const SimDisk& disk, std::uint64_t promised, std::uint64_t attempted, const LedgerBugs& bugs,
                         std::uint64_t nested_seed, std::size_t* images) {
  try {
    if (images != nullptr) ++*images;
    SimEnv env(disk);
    std::uint64_t found;
    {
      Ledger ledger(env, kDir, bugs);
      found = ledger.size();
      if (found < promised) return "lost " + std::to_string(promised - found) + " acknowledged values";
      if (found > attempted) return "made up values";
      ledger.write(2, true);
    }
    {
      Ledger again(env, kDir, bugs);
      if (again.size() != found + 2) return "the second open differs";
    }
    if (nested_seed == 0) return {};
    // Power is lost again, during the recovery or the write after it.
    std::string problem;
    sweep_power_loss(disk, env.journal(), 1, nested_seed, [&](std::size_t, SimDisk inner) {
      if (problem.empty()) problem = check_ledger(inner, promised, found + 2, bugs, 0, images);
    });
    return problem.empty() ? problem : "after a second loss: " + problem;
  } catch (const Error& e) {
    return std::string("cannot be opened: ") + error_code_name(e.code()) + " " + e.message();
  }
}

SweepResult sweep_ledger(const std::function<void(SimEnv&, LedgerHistory*)>& run, const LedgerBugs& bugs, int images,
                         std::uint64_t seed, bool stop_at_first) {
  SimEnv env;
  LedgerHistory history;
  SweepResult out;
  try {
    run(env, &history);
  } catch (const Error& e) {
    out.violations = 1;
    out.first = "without any loss of power: " + e.message();
    return out;
  }
  std::size_t outer = 0;
  sweep_power_loss(SimEnv().disk(), env.journal(), images, seed, [&](std::size_t moment, SimDisk disk) {
    if (stop_at_first && out.violations > 0) return;
    const bool nested = outer++ % 16 == 0;
    const std::string problem = check_ledger(disk, history.promised_at(moment), history.attempted, bugs,
                                             nested ? seed + outer : 0, &out.images);
    if (problem.empty()) return;
    if (out.violations++ == 0) out.first = "moment " + std::to_string(moment) + ": " + problem;
  });
  return out;
}

SweepResult sweep_ledger_kills(const std::function<void(SimEnv&, LedgerHistory*)>& run, const LedgerBugs& bugs,
                               int images, std::uint64_t seed, bool stop_at_first) {
  SimEnv env;
  LedgerHistory history;
  SweepResult out;
  run(env, &history);
  const auto note = [&](std::size_t moment, const std::string& problem) {
    if (problem.empty()) return;
    if (out.violations++ == 0) out.first = "killed at moment " + std::to_string(moment) + ": " + problem;
  };
  SimDisk disk = SimEnv().disk();
  for (std::size_t moment = 0; moment <= env.journal().size(); ++moment) {
    if (moment > 0) disk.apply(env.journal()[moment - 1]);
    if (disk.names_are_durable() || (stop_at_first && out.violations > 0)) continue;
    SimEnv life(disk);
    LedgerHistory second;
    try {
      Ledger ledger(life, kDir, bugs);
      second.promise(life, ledger);
      second.attempted = ledger.size() + 2;
      ledger.write(2, true);
      second.promise(life, ledger);
    } catch (const Error& e) {
      note(moment, "cannot be opened: " + e.message());
      continue;
    }
    const std::uint64_t before = history.promised_at(moment);
    sweep_power_loss(disk, life.journal(), images, seed + moment, [&](std::size_t at, SimDisk lost) {
      note(moment, check_ledger(lost, std::max(before, second.promised_at(at)),
                                std::max(history.attempted, second.attempted), bugs, 0, &out.images));
    });
  }
  return out;
}

}  // namespace sagedb::test
