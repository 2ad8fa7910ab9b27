#include "base/block_array.h"

#include "base/status.h"

namespace sagedb {

BlockBytes::BlockBytes(std::size_t stride, std::uint32_t first_block)
    : BlockBytes(stride, first_block, nullptr, 0, nullptr) {}

BlockBytes::BlockBytes(std::size_t stride, std::uint32_t first_block, const void* base, std::uint32_t base_count,
                       std::shared_ptr<const void> owner)
    : stride_(stride),
      first_block_(first_block),
      first_shift_(31 - __builtin_clz(first_block)),
      base_(static_cast<std::byte*>(const_cast<void*>(base))),
      base_count_(base_count),
      mapped_count_(base_count),
      owner_(std::move(owner)),
      capacity_(base_count) {
  if (stride == 0 || first_block == 0 || (first_block & (first_block - 1)) != 0)
    throw Error(ErrorCode::INTERNAL, "BlockBytes: stride must be positive and first_block a power of two");
}

BlockBytes::~BlockBytes() {
  for (int b = 0; b < block_count_; ++b) free_pages(blocks_[b], block_bytes_[b]);
}

void BlockBytes::ensure(std::uint32_t count) {
  while (capacity_ < count) {
    if (first_shift_ + block_count_ > 31)
      throw Error(ErrorCode::LIMIT_EXCEEDED, "more than 2^32 elements in one array");
    const std::size_t elements = std::size_t{first_block_} << block_count_;
    const std::size_t size = elements * stride_;
    const std::size_t lead = static_cast<std::size_t>(capacity_) * stride_ % kFilePage;
    std::byte* const block = allocate_pages(lead + size);
    blocks_[block_count_] = block;
    origins_[first_shift_ + block_count_].store(reinterpret_cast<std::uintptr_t>(block) + lead - size,
                                                std::memory_order_release);
    block_bytes_[block_count_] = lead + size;
    ++block_count_;
    capacity_ += elements;
    bytes_.fetch_add(size, std::memory_order_relaxed);
  }
}

}  // namespace sagedb
