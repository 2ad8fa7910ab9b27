#include "store/metadata_column.h"

namespace sagedb {

RecordRanges::~RecordRanges() {
  for (int b = 0; b < block_count_; ++b) delete[] blocks_[b].load(std::memory_order_relaxed);
}

void RecordRanges::reserve(std::uint32_t count) {
  const std::uint64_t need = std::uint64_t{count_.load(std::memory_order_relaxed)} + outstanding_ + count;
  while (capacity_ < need) {
    const std::size_t elements = std::size_t{kFirst} << block_count_;
    blocks_[block_count_].store(new Range[elements], std::memory_order_release);
    ++block_count_;
    capacity_ += elements;
    bytes_.fetch_add(elements * sizeof(Range), std::memory_order_relaxed);
  }
  outstanding_ += count;
}

void RecordRanges::append(RecordNo r) noexcept {
  const std::uint32_t count = count_.load(std::memory_order_relaxed);
  --outstanding_;
  total_.store(total_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  if (count > 0 && at(count - 1).end.load(std::memory_order_relaxed) == r) {
    at(count - 1).end.store(r + 1, std::memory_order_release);
    return;
  }
  Range& range = at(count);
  range.begin = r;
  range.end.store(r + 1, std::memory_order_relaxed);
  count_.store(count + 1, std::memory_order_release);
}

}  // namespace sagedb
