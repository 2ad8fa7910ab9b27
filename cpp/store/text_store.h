// The texts of records (string ids, metadata) as one growing sequence of bytes. A text is known by its place in the sequence, which is the same in
// memory and in TEXT segments, so records can be read from a file as they stand.
//
// A mapped base may come first; own chunks follow, each as large as all before it. A text never crosses from one chunk into the next. A chunk begins
// as far behind a multiple of 4,096 as its first text in the sequence, so that a file that holds the sequence can be mapped in its place.
// Thread safety: one writer; readers read what was published to them.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace sagedb {

class TextStore {
 public:
  TextStore() = default;
  // Bytes [0, base_size) are read from `base`, kept alive by `owner`.
  TextStore(const void* base, std::uint64_t base_size, std::shared_ptr<const void> owner);
  ~TextStore();
  TextStore(const TextStore&) = delete;
  TextStore& operator=(const TextStore&) = delete;

  // For a store without texts: the first `size` bytes (whole texts) stand in `pages`.
  void begin_in(std::shared_ptr<std::byte> pages, std::size_t size) noexcept;
  // Guarantees room for following append() calls totalling at most `bytes`. Throws OUT_OF_MEMORY.
  void reserve(std::size_t bytes);
  // Requires reserve(). Returns the text's place.
  std::uint64_t append(std::string_view text) noexcept;
  // Empty when the place is not inside the sequence, which only damage can cause.
  std::string_view at(std::uint64_t place, std::uint32_t size) const noexcept;

  // Bytes so far, and those outside of the base. For the writer; others get a figure of the moment.
  std::uint64_t end() const noexcept { return end_.load(std::memory_order_relaxed); }
  std::uint64_t mapped_bytes() const noexcept { return base_size_; }
  // Those in the pages of begin_in().
  std::uint64_t begun_bytes() const noexcept { return first_ ? chunks_[0].size : 0; }
  std::size_t own_bytes() const noexcept { return static_cast<std::size_t>(end() - base_size_); }

  // Calls visit(data, size) for the pieces of [first, last), which must have been published to the caller.
  template <typename Visit>
  void visit(std::uint64_t first, std::uint64_t last, Visit&& visit) const {
    if (first < base_size_ && first < last) {
      const std::uint64_t stop = last < base_size_ ? last : base_size_;
      visit(base_ + first, static_cast<std::size_t>(stop - first));
      first = stop;
    }
    const int count = chunk_count_.load(std::memory_order_acquire);
    for (int i = 0; i < count && first < last; ++i) {
      const std::uint64_t start = chunks_[i].start.load(std::memory_order_acquire);
      const std::uint64_t next = i + 1 < count ? chunks_[i + 1].start.load(std::memory_order_acquire) : kUnused;
      const std::uint64_t stop = last < next ? last : next;
      if (first < start || first >= stop) continue;
      visit(chunks_[i].data + (first - start), static_cast<std::size_t>(stop - first));
      first = stop;
    }
  }

 private:
  static constexpr std::uint64_t kUnused = ~std::uint64_t{0};
  struct Chunk {
    std::atomic<std::uint64_t> start{kUnused};  // place of its first byte
    char* data = nullptr;
    std::size_t size = 0;
    std::byte* pages = nullptr;
    std::size_t page_bytes = 0;
  };
  std::size_t room() const noexcept;

  const char* const base_ = nullptr;
  const std::uint64_t base_size_ = 0;
  const std::shared_ptr<const void> owner_;
  std::array<Chunk, 52> chunks_;
  std::shared_ptr<std::byte> first_;  // pages of the first, when they are not its own
  std::atomic<int> chunk_count_{0};
  int current_ = -1;  // chunk of the last append
  std::atomic<std::uint64_t> end_{0};
};

}  // namespace sagedb
