// One run of a long test: how long, from which seed, and what it did. A slice of about a second in the normal tests; `npm run fault:*` makes it long
// (SAGEDB_FAULT_SECONDS, SAGEDB_FAULT_SEED) and adds up what is printed here.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

namespace sagedb::test {

class FaultRun {
 public:
  explicit FaultRun(const char* name) {
    const char* seconds = std::getenv("SAGEDB_FAULT_SECONDS");
    const char* seed = std::getenv("SAGEDB_FAULT_SEED");
    seed_ = seed == nullptr ? std::random_device{}() : std::strtoull(seed, nullptr, 10);
    end_ = std::chrono::steady_clock::now() +
           std::chrono::milliseconds(static_cast<long>(seconds == nullptr ? 1000 : 1000 * std::atof(seconds)));
    std::printf("[ fault    ] %s: SAGEDB_FAULT_SEED=%llu\n", name, static_cast<unsigned long long>(seed_));
    std::fflush(stdout);
  }
  ~FaultRun() {
    std::string out;
    for (const auto& [what, n] : counters_) out += (out.empty() ? "\"" : ", \"") + what + "\": " + std::to_string(n);
    std::printf("[ counters ] {%s}\n", out.c_str());
  }
  FaultRun(const FaultRun&) = delete;
  FaultRun& operator=(const FaultRun&) = delete;

  std::uint64_t seed() const noexcept { return seed_; }
  // True once, and then until the time is over.
  bool going() {
    const bool first = !began_;
    began_ = true;
    return first || std::chrono::steady_clock::now() < end_;
  }
  bool over() const noexcept { return std::chrono::steady_clock::now() >= end_; }
  void count(const std::string& what, std::uint64_t n = 1) { counters_[what] += n; }

 private:
  std::uint64_t seed_ = 0;
  std::chrono::steady_clock::time_point end_;
  bool began_ = false;
  std::map<std::string, std::uint64_t> counters_;
};

}  // namespace sagedb::test
