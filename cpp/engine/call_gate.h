// Counts calls in flight so that close() can refuse new ones and wait for the rest.
// Thread safety: self-synchronised.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/status.h"

namespace sagedb {

class CallGate {
 public:
  class Pass {
   public:
    explicit Pass(CallGate& gate) : gate_(gate) {
      // Optimistic: one atomic add in the common case, taken back when the gate turns out to be closed.
      if (gate_.state_.fetch_add(1, std::memory_order_acquire) >= kClosed) {
        gate_.leave();
        throw Error(ErrorCode::CLOSED, "the database is closed");
      }
    }
    ~Pass() { gate_.leave(); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    CallGate& gate_;
  };

  bool closed() const noexcept { return state_.load(std::memory_order_acquire) >= kClosed; }
  // Returns true for the one caller that closed the gate.
  bool close() noexcept { return state_.fetch_or(kClosed, std::memory_order_acq_rel) < kClosed; }
  // Waits until every call that passed has left.
  void drain() {
    std::unique_lock<std::mutex> lock(mutex_);
    empty_.wait(lock, [&] { return (state_.load(std::memory_order_acquire) & (kClosed - 1)) == 0; });
  }

 private:
  static constexpr std::uint64_t kClosed = std::uint64_t{1} << 62;
  void leave() noexcept {
    if (state_.fetch_sub(1, std::memory_order_acq_rel) == kClosed + 1) {
      std::lock_guard<std::mutex> lock(mutex_);
      empty_.notify_all();
    }
  }

  std::atomic<std::uint64_t> state_{0};
  std::mutex mutex_;
  std::condition_variable empty_;
};

}  // namespace sagedb
