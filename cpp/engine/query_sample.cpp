#include "engine/query_sample.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "store/external_id.h"

namespace sagedb {
namespace {
// Once full, every sixteenth query replaces a pseudo-random older one: the sample follows a drifting workload.
constexpr std::uint64_t kReplaceEvery = 16;

std::uint64_t hash_of(const float* query, std::uint32_t dimension) noexcept {
  const std::string_view bytes(reinterpret_cast<const char*>(query), dimension * sizeof(float));
  return hash_id(IdView{true, 0, bytes});
}

}  // namespace

void QuerySample::offer(const float* query) noexcept {
  const std::uint64_t n = offered_.fetch_add(1, std::memory_order_relaxed);
  if (size() == kCapacity && n % kReplaceEvery != 0) return;
  const std::uint64_t hash = hash_of(query, dimension_);
  std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  try {
    if (std::find(hashes_.begin(), hashes_.end(), hash) != hashes_.end()) return;
    if (hashes_.size() < kCapacity) {
      hashes_.reserve(hashes_.size() + 1);
      queries_.insert(queries_.end(), query, query + dimension_);
      hashes_.push_back(hash);
      size_.store(hashes_.size(), std::memory_order_relaxed);
      return;
    }
    const std::size_t slot = static_cast<std::size_t>((n * 0x9e3779b97f4a7c15ull) >> 40) % kCapacity;
    hashes_[slot] = hash;
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
