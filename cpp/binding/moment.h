// A thread that has run a job stays for a moment when the jobs come one at once after the other: waking a thread takes longer than many jobs.
//
// Thread safety: called(), finished(), expected() and listen() under the owner's mutex; wait() by the thread, without it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "base/executor.h"

namespace sagedb {

class Moment {
 public:
  using Clock = std::chrono::steady_clock;

  // A job has come, perhaps while others are under way: then answers that become objects bring the next questions, which takes a pause.
  void called(bool among_others = false) noexcept {
    among_others_ = among_others;
    const bool soon = Clock::now() - finished_ < (among_others ? kPause : kLength);
    streak_ = soon ? std::min(streak_ + 1, kLongStreak) : streak_ / 2;
    wake();
  }
  // The thread has something else to see to.
  void wake() noexcept { called_.store(true, std::memory_order_release); }
  // A job is done.
  void finished(Clock::time_point now) noexcept { finished_ = now; }
  // Until when the next job is likely to come, now when it is not; wait() then waits for called() or wake() from here on.
  Clock::time_point expected(Clock::time_point now) noexcept {
    static const bool several = hardware_threads() > 1;
    if (!several || streak_ == 0) return now;
    listen();
    return now + (among_others_ || streak_ == kLongStreak ? kPause : kLength);
  }
  // The same again: somebody else took the job.
  void listen() noexcept { called_.store(false, std::memory_order_relaxed); }
  // Not on a processor that somebody else could use.
  void wait(Clock::time_point end) const {
    while (!called_.load(std::memory_order_acquire) && Clock::now() < end) std::this_thread::yield();
  }

 private:
  static constexpr std::chrono::microseconds kLength = kThreadWake;
  // What a collection of the youngest garbage takes: after many jobs that came at once the next one is only held up by it. And what it
  // takes to turn a batch of hits into objects and to gather the next.
  static constexpr std::chrono::microseconds kPause{200};
  static constexpr int kLongStreak = 16;

  int streak_ = 0;  // jobs that came at once after the one before; halved by one that did not
  bool among_others_ = false;  // the last one
  Clock::time_point finished_;
  std::atomic<bool> called_{false};
};

}  // namespace sagedb
