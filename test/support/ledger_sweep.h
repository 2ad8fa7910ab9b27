// Runs of the ledger on a simulated disk, and what must hold after every loss of power.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/ledger.h"
#include "support/sim_env.h"

namespace sagedb::test {

// What a run promised (size at a moment of the journal) and the most it ever attempted.
struct LedgerHistory {
  struct Acknowledged {
    std::size_t moment;
    std::uint64_t size;
  };
  std::vector<Acknowledged> durable;
  std::uint64_t attempted = 0;
  void promise(const SimEnv& env, const Ledger& ledger) { durable.push_back({env.moment(), ledger.size()}); }
  std::uint64_t promised_at(std::size_t moment) const;
};

// Writes of all sizes, groups, unsynced stretches, checkpoints, an orderly reopen and one without close.
void fixed_ledger_run(SimEnv& env, LedgerHistory* history, const LedgerBugs& bugs);
// The same kinds of steps, in an order and number that are functions of `seed`.
void random_ledger_run(SimEnv& env, LedgerHistory* history, std::uint64_t seed);

// Empty when a database opened from `disk` keeps every promise and is usable. With a seed, power is lost again during its recovery. `images` (optional)
// counts the losses.
std::string check_ledger(const SimDisk& disk, std::uint64_t promised, std::uint64_t attempted, const LedgerBugs& bugs,
                         std::uint64_t nested_seed, std::size_t* images = nullptr);

struct SweepResult {
  std::size_t images = 0;
  std::size_t violations = 0;
  std::string first;
};

// Loses power at every moment of what `run` did, `images` times each.
SweepResult sweep_ledger(const std::function<void(SimEnv&, LedgerHistory*)>& run, const LedgerBugs& bugs, int images,
                         std::uint64_t seed, bool stop_at_first);
// Kills the process at the moments of what `run` did at which names are not durable yet, lets another one open what the system holds and write,
// and loses power at every moment of that, `images` times each.
SweepResult sweep_ledger_kills(const std::function<void(SimEnv&, LedgerHistory*)>& run, const LedgerBugs& bugs,
                               int images, std::uint64_t seed, bool stop_at_first);

}  // namespace sagedb::test
