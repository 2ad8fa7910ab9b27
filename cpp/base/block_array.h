// Append-only array whose elements never move: element addresses stay valid until the array is destroyed, so snapshots
// share it by pointer and readers need no lock.
//
// Layout: an optional base block (storage owned elsewhere, e.g. a mapped segment file) of any size, followed by
// geometrically growing blocks (each as large as all before it, starting at `first_block` elements). 32 block
// pointers therefore cover 2^32 elements and no directory is ever copied. Blocks are anonymous mappings: pages that were
// never touched cost nothing, and blocks of 2 MB and more ask for huge pages. A block begins as far behind a multiple of 4,096 as its
// elements would in one run of bytes, so that a file that holds that run can be mapped in its place.
//
// Thread safety: one writer at a time calls ensure(); any number of readers call at() for elements that were published
// to them (the snapshot's release/acquire orders the element bytes).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/memory.h"

namespace sagedb {

class BlockBytes {
 public:
  // stride: bytes per element (> 0). first_block: elements in the first own block, a power of two.
  BlockBytes(std::size_t stride, std::uint32_t first_block);
  // Elements [0, base_count) are read from `base`, kept alive by `owner`.
  BlockBytes(std::size_t stride, std::uint32_t first_block, const void* base, std::uint32_t base_count,
             std::shared_ptr<const void> owner);
  ~BlockBytes();
  BlockBytes(const BlockBytes&) = delete;
  BlockBytes& operator=(const BlockBytes&) = delete;

  // For an array without elements: [0, count) stand in `pages`, zeros, instead of in blocks.
  void begin_in(std::shared_ptr<std::byte> pages, std::uint32_t count) noexcept {
    base_ = pages.get();
    capacity_ = base_count_ = count;
    owner_ = std::move(pages);
    mapped_count_ = 0;
  }
  // So many elements at the begin are read from a mapping.
  std::uint32_t mapped_count() const noexcept { return mapped_count_; }
  // So many stand in the pages of begin_in().
  std::uint32_t begun_count() const noexcept { return base_count_ - mapped_count_; }

  // Makes elements [0, count) addressable (zero-filled when new). Throws Error(OUT_OF_MEMORY) and changes nothing.
  void ensure(std::uint32_t count);

  // Requires index < a count passed to ensure() before.
  std::byte* at(std::uint32_t index) const noexcept {
    if (index < base_count_) return base_ + static_cast<std::size_t>(index) * stride_;
    return own(index - base_count_ + first_block_, stride_);
  }
  // The addresses of `count` elements.
  void at(const std::uint32_t* indexes, std::size_t count, const std::byte** out) const noexcept {
    // Copies: the compiler cannot know that `out` is none of these members.
    const std::size_t stride = stride_;
    const std::uint32_t base_count = base_count_, shift = first_block_ - base_count_;
    const std::byte* const base = base_;
    if (base_count == 0) {
      for (std::size_t i = 0; i < count; ++i) out[i] = own(indexes[i] + shift, stride);
      return;
    }
    for (std::size_t i = 0; i < count; ++i)
      out[i] = indexes[i] < base_count ? base + indexes[i] * stride : own(indexes[i] + shift, stride);
  }
  // Number of elements from `index` on that lie contiguously in memory; for sequential scans.
  std::uint32_t run(std::uint32_t index) const noexcept {
    if (index < base_count_) return base_count_ - index;
    const std::uint64_t i = static_cast<std::uint64_t>(index) - base_count_ + first_block_;
    const int block = 63 - __builtin_clzll(i);
    return static_cast<std::uint32_t>((std::uint64_t{1} << (block + 1)) - i);
  }
  std::size_t stride() const noexcept { return stride_; }
  // Bytes of address space in use by own blocks (resident once touched).
  std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

 private:
  // Element i - first_block of the own ones. Block b holds i from 2^b on; its origin is where i = 0 would be.
  std::byte* own(std::uint32_t i, std::size_t stride) const noexcept {
    const int block = 31 - __builtin_clz(i);
    return reinterpret_cast<std::byte*>(origins_[block].load(std::memory_order_relaxed) + i * stride);
  }

  const std::size_t stride_;
  const std::uint32_t first_block_;
  const int first_shift_;
  std::byte* base_ = nullptr;
  std::uint32_t base_count_ = 0;
  std::uint32_t mapped_count_ = 0;
  std::shared_ptr<const void> owner_;
  std::byte* blocks_[32] = {};
  std::atomic<std::uintptr_t> origins_[32] = {};
  std::size_t block_bytes_[32] = {};
  int block_count_ = 0;
  std::uint64_t capacity_ = 0;
  std::atomic<std::size_t> bytes_{0};
};

// Typed view for trivially destructible element types (plain structs and atomics that are valid when zero-filled).
template <typename T>
class BlockArray {
  static_assert(std::is_trivially_destructible_v<T>, "elements are never destroyed one by one");

 public:
  explicit BlockArray(std::uint32_t first_block = 1024) : bytes_(sizeof(T), first_block) {}
  BlockArray(std::uint32_t first_block, const void* base, std::uint32_t base_count, std::shared_ptr<const void> owner)
      : bytes_(sizeof(T), first_block, base, base_count, std::move(owner)) {}
  void ensure(std::uint32_t count) { bytes_.ensure(count); }
  T& operator[](std::uint32_t i) const noexcept { return *reinterpret_cast<T*>(bytes_.at(i)); }
  std::size_t bytes() const noexcept { return bytes_.bytes(); }

 private:
  BlockBytes bytes_;
};

}  // namespace sagedb
