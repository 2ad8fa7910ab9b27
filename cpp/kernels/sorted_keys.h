// Sorted arrays of 64-bit keys, the pools of candidates that every traversal keeps: a search inserts some hundred keys, and finding the
// place with a binary search and moving what lies behind it took longer than the distances themselves.
//
// A key is distance << 32 | node << 1: its order is the order of the distances, then of the nodes. Bit 0 belongs to the caller.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sagedb {

// Internal linkage: files of several instruction sets include this (see batch.h).
static inline constexpr std::uint64_t sorted_key(std::uint32_t distance, std::uint32_t node) noexcept {
  return std::uint64_t{distance} << 32 | std::uint64_t{node} << 1;
}

struct SortedKeys {
  // Ascending, 64-byte aligned. Kernels read and write whole groups of kGroup keys: keys[-1] must be readable and zero, and the array must
  // reach to the end of the group of keys[capacity], filled with kNone behind `size` before the first insertion.
  static constexpr std::size_t kGroup = 8;
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};

  std::uint64_t* keys = nullptr;
  std::uint32_t size = 0;
  std::uint32_t capacity = 0;
  std::uint32_t bound = ~std::uint32_t{0};  // only distances below this enter
  std::uint32_t cursor = 0;  // moved down to every key that is inserted before it
};

// Where keys go that are not among the `capacity` nearest. `keys` has room for one per candidate offered.
struct DroppedKeys {
  std::uint64_t* keys = nullptr;
  std::size_t count = 0;
};

}  // namespace sagedb
