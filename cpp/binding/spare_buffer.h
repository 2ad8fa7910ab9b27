// Keeps the memory of the last bulk load for the next: fresh pages of tens of megabytes cost the JavaScript thread as much as the copy itself.
//
// Thread safety: take() and give() from any thread.
// Invariants: at most one buffer is kept, of at most kMost bytes, and none once kUnused smaller writes in a row did without it.
#pragma once

#include <cstddef>
#include <mutex>

#include "base/memory.h"

namespace sagedb {

class SpareBuffer {
 public:
  static constexpr std::size_t kLeast = std::size_t{1} << 20;
  static constexpr std::size_t kMost = std::size_t{64} << 20;
  static constexpr int kUnused = 256;

  // Room for `floats` components in an empty vector, of memory that is warm when it can be.
  AlignedVector<float> take(std::size_t floats);
  // Takes the memory of a vector that has been applied.
  void give(AlignedVector<float>&& used) noexcept;

 private:
  std::mutex mutex_;
  AlignedVector<float> spare_;  // guarded by mutex_
  int unused_ = 0;  // guarded by mutex_
};

}  // namespace sagedb
