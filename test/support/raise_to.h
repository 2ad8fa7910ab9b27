// The largest value that several threads have seen.
#pragma once

#include <atomic>

namespace sagedb::testing {

inline void raise_to(std::atomic<int>& most, int value) noexcept {
  int seen = most.load();
  while (value > seen && !most.compare_exchange_weak(seen, value)) {
  }
}

}  // namespace sagedb::testing
