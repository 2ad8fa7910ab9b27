// Cooperative cancellation and progress of long work.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/status.h"

namespace sagedb {

// Thread safety: self-synchronised.
class CancelToken {
 public:
  void cancel() noexcept { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }
  void check() const {
    if (cancelled()) throw Error(ErrorCode::ABORTED, "the operation was aborted");
  }

 private:
  std::atomic<bool> cancelled_{false};
};

// Written by the worker, polled by whoever reports. Thread safety: self-synchronised.
struct Progress {
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> total{0};
};

}  // namespace sagedb
