// How many threads a batch of searches of one kind is worth: to wake one takes longer than many searches.
//
// Thread safety: any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/executor.h"

namespace sagedb {

class TeamSize {
 public:
  // From 1 to `most`; `most` while nothing is known.
  int of(std::size_t searches, int most) const noexcept {
    const std::int64_t usual = usual_ns_.load(std::memory_order_relaxed);
    if (usual == 0 || most <= 1) return std::max(1, most);
    // A long batch is worth every thread there is.
    const std::size_t enough = static_cast<std::size_t>(most) * (kWorthAThread.count() / usual + 1);
    if (searches >= enough) return most;
    const std::int64_t threads = static_cast<std::int64_t>(searches) * usual / kWorthAThread.count();
    return static_cast<int>(std::clamp<std::int64_t>(threads, 1, most));
  }

  // One thread took so long for so many searches (> 0).
  void measured(std::chrono::nanoseconds taken, std::size_t searches) noexcept {
    const std::int64_t usual = usual_ns_.load(std::memory_order_relaxed);
    std::int64_t one = std::max(kLeast, taken.count() / static_cast<std::int64_t>(searches));
    // One that was held up says little about the next.
    if (usual != 0) one = usual + (std::min(one, kOutlier * usual) - usual) / (one > usual ? kRise : kFall);
    usual_ns_.store(one, std::memory_order_relaxed);
  }

 private:
  static constexpr std::chrono::nanoseconds kWorthAThread = kThreadWake;
  static constexpr std::int64_t kLeast = 100;  // nanoseconds; below it there is nothing to tell apart
  static constexpr std::int64_t kOutlier = 4;
  // A thread too few costs whole searches, one too many the time to wake it: what takes longer than before counts for more.
  static constexpr std::int64_t kRise = 4, kFall = 8;

  std::atomic<std::int64_t> usual_ns_{0};  // of a search, on one thread
};

}  // namespace sagedb
