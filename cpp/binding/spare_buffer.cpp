#include "binding/spare_buffer.h"

#include <utility>

namespace sagedb {

AlignedVector<float> SpareBuffer::take(std::size_t floats) {
  AlignedVector<float> out;
  if (floats * sizeof(float) >= kLeast) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (spare_.capacity() >= floats) out.swap(spare_);
  }
  out.reserve(floats);
  return out;
}

void SpareBuffer::give(AlignedVector<float>&& used) noexcept {
  const std::size_t bytes = used.capacity() * sizeof(float);
  AlignedVector<float> unneeded;  // unmapped outside of the lock
  std::lock_guard<std::mutex> lock(mutex_);
  if (bytes >= kLeast && bytes <= kMost) {
    unused_ = 0;
    if (used.capacity() < spare_.capacity()) return;
    used.clear();
    unneeded.swap(spare_);
    spare_ = std::move(used);
  } else if (++unused_ == kUnused) {
    unneeded.swap(spare_);
  }
}

}  // namespace sagedb
