#include "store/text_store.h"

#include <algorithm>
#include <cstring>

#include "base/memory.h"

namespace sagedb {
namespace {
constexpr std::size_t kFirstChunk = std::size_t{1} << 14;
}  // namespace

TextStore::TextStore(const void* base, std::uint64_t base_size, std::shared_ptr<const void> owner)
    : base_(static_cast<const char*>(base)), base_size_(base_size), owner_(std::move(owner)), end_(base_size) {}

TextStore::~TextStore() {
  for (int i = chunk_count_.load(); i-- > (first_ ? 1 : 0);) free_pages(chunks_[i].pages, chunks_[i].page_bytes);
}

void TextStore::begin_in(std::shared_ptr<std::byte> pages, std::size_t size) noexcept {
  first_ = std::move(pages);
  chunks_[0].pages = first_.get();
  chunks_[0].size = size;
  chunk_count_.store(1, std::memory_order_release);
}

// What is free in the last chunk, where every text fits that the ones before refuse.
std::size_t TextStore::room() const noexcept {
  const int last = chunk_count_.load(std::memory_order_relaxed) - 1;
  if (last < 0) return 0;
  if (last != current_) return chunks_[last].size;
  return chunks_[last].size - static_cast<std::size_t>(end() - chunks_[last].start.load(std::memory_order_relaxed));
}

void TextStore::reserve(std::size_t bytes) {
  if (bytes <= room()) return;
  const int count = chunk_count_.load(std::memory_order_relaxed);
  const std::size_t doubled = count == 0 ? kFirstChunk : chunks_[count - 1].size * 2;
  // Untouched pages cost address space only.
  const std::size_t size = round_up(std::max(bytes, doubled), kFilePage);
  chunks_[count].pages = allocate_pages(size + kFilePage);
  chunks_[count].page_bytes = size + kFilePage;
  chunks_[count].size = size;
  chunk_count_.store(count + 1, std::memory_order_release);
}

std::uint64_t TextStore::append(std::string_view text) noexcept {
  const std::uint64_t place = end();
  if (text.empty()) return place;
  const auto fits = [&] {
    return current_ >= 0 &&
           chunks_[current_].size - (place - chunks_[current_].start.load(std::memory_order_relaxed)) >= text.size();
  };
  while (!fits()) {
    Chunk& next = chunks_[++current_];
    next.data = reinterpret_cast<char*>(next.pages) + place % kFilePage;
    next.start.store(place, std::memory_order_release);
  }
  Chunk& chunk = chunks_[current_];
  std::memcpy(chunk.data + (place - chunk.start.load(std::memory_order_relaxed)), text.data(), text.size());
  end_.store(place + text.size(), std::memory_order_relaxed);
  return place;
}

std::string_view TextStore::at(std::uint64_t place, std::uint32_t size) const noexcept {
  if (place < base_size_) {
    if (size > base_size_ - place) return {};
    return {base_ + place, size};
  }
  for (int i = chunk_count_.load(std::memory_order_acquire); i-- > 0;) {
    const std::uint64_t start = chunks_[i].start.load(std::memory_order_acquire);
    if (place < start) continue;
    const std::uint64_t offset = place - start;
    if (offset > chunks_[i].size || size > chunks_[i].size - offset) return {};
    return {chunks_[i].data + offset, size};
  }
  return {};
}

}  // namespace sagedb
