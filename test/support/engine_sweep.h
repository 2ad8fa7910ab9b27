// Runs of the whole engine on a simulated disk, and what must hold after every crash.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "support/durable_fixture.h"

namespace sagedb::testing {

struct EngineHistory {
  std::vector<std::pair<std::size_t, std::size_t>> acknowledged;  // moment, how many groups
  std::vector<Content> after;                                    // content after n groups
  std::size_t promised_at(std::size_t moment) const {
    std::size_t groups = 0;
    for (const auto& [at, n] : acknowledged)
      if (at <= moment) groups = n;
    return groups;
  }
};

// Groups of all kinds of operations with checkpoints and reopens between; stops at the first failure.
void run_engine(test::SimEnv& env, std::uint64_t seed, EngineHistory* run);

// Empty when `disk` opens to the content after n groups, promised <= n <= attempted, and takes a write that survives a reopen.
std::string check_engine(const test::SimDisk& disk, const EngineHistory& run, std::size_t promised,
                         std::size_t attempted);
// Kills the process after every `stride`-th rename, which is not durable yet, lets another one open and write, and loses power at every moment of that.
// Empty, or what went wrong first.
std::string sweep_engine_kills(std::uint64_t seed, std::size_t stride, std::size_t* losses);

}  // namespace sagedb::testing
