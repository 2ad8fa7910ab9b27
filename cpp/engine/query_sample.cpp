#include "engine/query_sample.h"

#include <algorithm>
#include <cstring>

namespace sagedb {
namespace {
// Once full, every sixteenth query replaces a pseudo-random older one: the sample follows a drifting workload.
constexpr std::uint64_t kReplaceEvery = 16;
}  // namespace

void QuerySample::offer(const float* query) noexcept {
  const std::uint64_t n = seen_.fetch_add(1, std::memory_order_relaxed);
  if (n >= kCapacity && n % kReplaceEvery != 0) return;
  std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  try {
    const std::size_t kept = queries_.size() / dimension_;
    if (kept < kCapacity) {
      queries_.insert(queries_.end(), query, query + dimension_);
      return;
    }
    const std::size_t slot = static_cast<std::size_t>((n * 0x9e3779b97f4a7c15ull) >> 40) % kCapacity;
    std::memcpy(queries_.data() + slot * dimension_, query, dimension_ * sizeof(float));
  } catch (...) {
    // Out of memory: the sample stays smaller.
  }
}

std::vector<float> QuerySample::copy(std::size_t limit) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const std::size_t kept = std::min(limit, queries_.size() / dimension_);
  // The latest ones while the sample fills; any are as good once it is full.
  return std::vector<float>(queries_.end() - static_cast<std::ptrdiff_t>(kept * dimension_), queries_.end());
}

}  // namespace sagedb
