// An append-only list in a chain of blocks that grow up to a bound: one writer appends after a reservation that may fail, readers walk it
// without a lock. Memory comes from an arena and goes with it.
//
// Thread safety: reserve() and append() by the one writer; readers start at first() and see every item published to them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace sagedb {

// Memory that is freed all at once. Thread safety: one writer; bytes() by anyone.
class BumpArena {
 public:
  // Aligned to 8 bytes. Throws std::bad_alloc.
  char* allocate(std::size_t size) {
    size = (size + 7) & ~std::size_t{7};
    if (chunks_.empty() || at_ + size > capacity_) {
      const std::size_t bytes = std::max(kChunk, size);
      chunks_.reserve(chunks_.size() + 1);
      chunks_.push_back(std::unique_ptr<std::uint64_t[]>(new std::uint64_t[bytes / 8]));
      capacity_ = bytes;
      at_ = 0;
      bytes_.fetch_add(bytes, std::memory_order_relaxed);
    }
    char* out = reinterpret_cast<char*>(chunks_.back().get()) + at_;
    at_ += size;
    return out;
  }
  std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kChunk = std::size_t{64} << 10;
  std::vector<std::unique_ptr<std::uint64_t[]>> chunks_;
  std::size_t at_ = 0, capacity_ = 0;
  std::atomic<std::size_t> bytes_{0};
};

// `Summary` describes the items of one block; default constructible, trivially destructible.
template <typename Item, typename Summary>
class BlockChain {
 public:
  static constexpr std::uint32_t kLargest = 128;
  struct Block {
    std::atomic<std::uint32_t> count{0};
    const std::uint32_t capacity;
    std::atomic<Block*> next{nullptr};
    Summary summary;
    explicit Block(std::uint32_t n) : capacity(n) {}
    Item* items() noexcept { return reinterpret_cast<Item*>(this + 1); }
    const Item* items() const noexcept { return reinterpret_cast<const Item*>(this + 1); }
  };

  // Room for one more append() beyond those reserved since release(). Throws std::bad_alloc.
  void reserve(BumpArena& arena) {
    if (room_ < outstanding_ + 1) grow(arena);
    ++outstanding_;
  }
  // Reservations that were not used are given up.
  void release() noexcept { outstanding_ = 0; }
  // Requires reserve(). `describe(summary)` runs before the item can be seen.
  template <typename Describe>
  void append(const Item& item, Describe&& describe) noexcept {
    Block* block = tail_;
    while (block->count.load(std::memory_order_relaxed) == block->capacity)
      block = block->next.load(std::memory_order_relaxed);
    tail_ = block;
    const std::uint32_t at = block->count.load(std::memory_order_relaxed);
    block->items()[at] = item;
    describe(block->summary);
    block->count.store(at + 1, std::memory_order_release);
    --room_;
    --outstanding_;
  }
  const Block* first() const noexcept { return first_.load(std::memory_order_acquire); }

 private:
  void grow(BumpArena& arena) {
    const std::uint32_t capacity = last_ == nullptr ? 1 : std::min(kLargest, last_->capacity * 2);
    auto* block = new (arena.allocate(sizeof(Block) + capacity * sizeof(Item))) Block(capacity);
    if (last_ == nullptr) {
      tail_ = block;
      first_.store(block, std::memory_order_release);
    } else {
      last_->next.store(block, std::memory_order_release);
    }
    last_ = block;
    room_ += capacity;
  }

  std::atomic<Block*> first_{nullptr};
  Block* tail_ = nullptr;  // where the next item goes, or a full block before it
  Block* last_ = nullptr;
  std::uint32_t room_ = 0, outstanding_ = 0;
};

}  // namespace sagedb
