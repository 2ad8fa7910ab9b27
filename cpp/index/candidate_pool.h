// The nearest candidates of a running search as one sorted array of 64-bit keys: distance key in the high half, node in bits
// 1..31, «checked» in bit 0. One binary search and one memmove per insertion beat two heaps (fewer mispredicted branches), and
// the next candidate to expand is found by moving a cursor.
//
// Thread safety: none; lives in a leased SearchScratch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "index/measure.h"

namespace sagedb {

using CandidateKey = std::uint64_t;

inline CandidateKey candidate_key(DistanceKey distance, std::uint32_t node) noexcept {
  return (static_cast<CandidateKey>(distance) << 32) | (static_cast<CandidateKey>(node) << 1);
}
inline DistanceKey distance_of(CandidateKey key) noexcept { return static_cast<DistanceKey>(key >> 32); }
inline std::uint32_t node_of(CandidateKey key) noexcept { return static_cast<std::uint32_t>(key) >> 1; }

class CandidatePool {
 public:
  static constexpr CandidateKey kChecked = 1;

  // Empties the pool and sets how many candidates it keeps. Allocates only when it grows beyond every earlier size.
  void reset(std::uint32_t capacity) { reset(capacity, capacity); }
  // Of those kept, next() gives the `breadth` nearest only.
  void reset(std::uint32_t capacity, std::uint32_t breadth) {
    if (keys_.size() < capacity + std::size_t{1}) keys_.resize(capacity + std::size_t{1});
    capacity_ = capacity;
    breadth_ = breadth;
    size_ = cursor_ = 0;
    bound_ = kFarthest;
  }
  // Keeps the content and raises the capacity.
  void widen(std::uint32_t capacity) {
    if (keys_.size() < capacity + std::size_t{1}) keys_.resize(capacity + std::size_t{1});
    capacity_ = breadth_ = capacity;
    bound_ = kFarthest;
  }

  std::uint32_t size() const noexcept { return size_; }
  std::uint32_t capacity() const noexcept { return capacity_; }
  CandidateKey operator[](std::uint32_t i) const noexcept { return keys_[i]; }
  const CandidateKey* begin() const noexcept { return keys_.data(); }
  const CandidateKey* end() const noexcept { return keys_.data() + size_; }
  // So many of the nearest are checked.
  std::uint32_t checked() const noexcept { return cursor_; }
  // Only distances below this enter.
  DistanceKey bound() const noexcept { return bound_; }

  // Requires distance < bound(). Returns the key that fell off the end, or 0 when there was room.
  CandidateKey insert(DistanceKey distance, std::uint32_t node) noexcept {
    const CandidateKey key = candidate_key(distance, node);
    CandidateKey* keys = keys_.data();
    const CandidateKey* at = keys;
    for (std::uint32_t n = size_; n > 1;) {  // branch-free lower bound
      const std::uint32_t half = n / 2;
      at = at[half - 1] < key ? at + half : at;
      n -= half;
    }
    auto position = static_cast<std::uint32_t>(at - keys);
    if (size_ > 0 && *at < key) ++position;
    std::memmove(keys + position + 1, keys + position, (size_ - position) * sizeof(CandidateKey));
    keys[position] = key;
    if (position < cursor_) cursor_ = position;
    CandidateKey dropped = 0;
    if (size_ == capacity_) {
      dropped = keys[size_];
    } else {
      ++size_;
    }
    if (size_ == capacity_) bound_ = distance_of(keys[size_ - 1]);
    return dropped;
  }

  // For refilling a widened pool: append() in any order while there is room, then sort().
  void append(CandidateKey key) noexcept { keys_[size_++] = key; }
  void sort() noexcept {
    std::sort(keys_.begin(), keys_.begin() + size_);
    cursor_ = 0;
    bound_ = size_ == capacity_ ? distance_of(keys_[size_ - 1]) : kFarthest;
  }

  // Marks and returns the nearest unchecked candidate's node; false when all within the breadth are checked.
  bool next(std::uint32_t* node) noexcept {
    const std::uint32_t end = std::min(size_, breadth_);
    while (cursor_ < end && (keys_[cursor_] & kChecked) != 0) ++cursor_;
    if (cursor_ >= end) return false;
    keys_[cursor_] |= kChecked;
    *node = node_of(keys_[cursor_++]);
    return true;
  }

  std::size_t bytes() const noexcept { return keys_.capacity() * sizeof(CandidateKey); }

 private:
  std::vector<CandidateKey> keys_;
  std::uint32_t capacity_ = 0;
  std::uint32_t breadth_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t cursor_ = 0;
  DistanceKey bound_ = kFarthest;
};

}  // namespace sagedb
