// The nearest candidates of a running search as one sorted array of 64-bit keys: distance key in the high half, node in bits
// 1..31, «checked» in bit 0. A kernel inserts (kernels/sorted_keys.h); the next candidate to expand is found by moving a cursor.
//
// Thread safety: none; lives in a leased SearchScratch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/memory.h"
#include "index/measure.h"

namespace sagedb {

using CandidateKey = std::uint64_t;

inline CandidateKey candidate_key(DistanceKey distance, std::uint32_t node) noexcept {
  return sorted_key(distance, node);
}
inline DistanceKey distance_of(CandidateKey key) noexcept { return static_cast<DistanceKey>(key >> 32); }
inline std::uint32_t node_of(CandidateKey key) noexcept { return static_cast<std::uint32_t>(key) >> 1; }

class CandidatePool {
 public:
  static constexpr CandidateKey kChecked = 1;

  CandidatePool() = default;
  CandidatePool(CandidatePool&&) noexcept = default;
  CandidatePool& operator=(CandidatePool&&) noexcept = default;

  // Empties the pool and sets how many candidates it keeps. Allocates only when it grows beyond every earlier size.
  void reset(std::uint32_t capacity) { reset(capacity, capacity); }
  // Of those kept, next() gives the `breadth` nearest only.
  void reset(std::uint32_t capacity, std::uint32_t breadth) {
    pool_.size = pool_.cursor = 0;
    set_capacity(capacity);
    breadth_ = breadth;
  }
  // Keeps the content and raises the capacity.
  void widen(std::uint32_t capacity) {
    set_capacity(capacity);
    breadth_ = capacity;
  }

  std::uint32_t size() const noexcept { return pool_.size; }
  std::uint32_t capacity() const noexcept { return pool_.capacity; }
  CandidateKey operator[](std::uint32_t i) const noexcept { return pool_.keys[i]; }
  const CandidateKey* begin() const noexcept { return pool_.keys; }
  const CandidateKey* end() const noexcept { return pool_.keys + pool_.size; }
  // So many of the nearest are checked.
  std::uint32_t checked() const noexcept { return pool_.cursor; }
  // Only distances below this enter.
  DistanceKey bound() const noexcept { return pool_.bound; }

  // Offers nodes in order; those below the bound at their turn enter, and are written to `entered` (room for `count`). Returns how many.
  std::size_t offer(const DistanceKey* distances, const std::uint32_t* nodes, std::size_t count,
                    std::uint32_t* entered) noexcept {
    return kernels().offer_keys(pool_, distances, nodes, count, entered, nullptr);
  }
  // The same; what does not enter or is pushed out is appended to `dropped`.
  std::size_t offer(const DistanceKey* distances, const std::uint32_t* nodes, std::size_t count, std::uint32_t* entered,
                    std::vector<CandidateKey>& dropped) {
    const std::size_t before = dropped.size();
    dropped.resize(before + count);
    DroppedKeys keys{dropped.data() + before, 0};
    const std::size_t in = kernels().offer_keys(pool_, distances, nodes, count, entered, &keys);
    dropped.resize(before + keys.count);
    return in;
  }

  // For refilling a widened pool: append() in any order while there is room, then sort().
  void append(CandidateKey key) noexcept { pool_.keys[pool_.size++] = key; }
  void sort() noexcept {
    std::sort(pool_.keys, pool_.keys + pool_.size);
    pool_.cursor = 0;
    pool_.bound = pool_.size == pool_.capacity ? distance_of(pool_.keys[pool_.size - 1]) : kFarthest;
  }

  // Marks and returns the nearest unchecked candidate's node; false when all within the breadth are checked.
  bool next(std::uint32_t* node) noexcept {
    const std::uint32_t end = std::min(pool_.size, breadth_);
    CandidateKey* const keys = pool_.keys;
    std::uint32_t at = pool_.cursor;
    while (at < end && (keys[at] & kChecked) != 0) ++at;
    pool_.cursor = at;
    if (at >= end) return false;
    keys[at] |= kChecked;
    *node = node_of(keys[at]);
    pool_.cursor = at + 1;
    return true;
  }

  std::size_t bytes() const noexcept { return storage_.capacity() * sizeof(CandidateKey); }

 private:
  // One group before the first key for the one that kernels read there, and whole groups to the end.
  void set_capacity(std::uint32_t capacity) {
    constexpr std::size_t kGroup = SortedKeys::kGroup;
    const std::size_t need = kGroup + round_up(capacity + std::size_t{1}, kGroup);
    if (storage_.size() < need) {
      storage_.resize(need);
      pool_.keys = storage_.data() + kGroup;
      pool_.keys[-1] = 0;
    }
    pool_.capacity = capacity;
    pool_.bound = kFarthest;
    std::fill(pool_.keys + pool_.size, storage_.data() + need, SortedKeys::kNone);
  }

  AlignedVector<CandidateKey> storage_;
  SortedKeys pool_;
  std::uint32_t breadth_ = 0;
};

}  // namespace sagedb
