#include "store/vector_store.h"

#include <cstring>

#include "kernels/kernels.h"

namespace sagedb {
namespace {

std::uint32_t pad(std::uint32_t dimension) { return static_cast<std::uint32_t>(round_up(dimension, 16)); }

std::size_t stride_of(std::uint32_t dimension, VectorType type) {
  const std::size_t bytes = std::size_t{pad(dimension)} * (type == VectorType::float32 ? 4 : 2);
  return round_up(bytes, kCacheLine);
}

// First block near 64 KB, so that a database of ten rows stays small.
std::uint32_t first_block(std::size_t stride) {
  std::uint32_t rows = 8;
  while (rows < 1024 && std::size_t{rows} * 2 * stride <= (64u << 10)) rows *= 2;
  return rows;
}

}  // namespace

VectorStore::VectorStore(std::uint32_t dimension, VectorType type)
    : VectorStore(dimension, type, nullptr, 0, nullptr) {}

VectorStore::VectorStore(std::uint32_t dimension, VectorType type, const void* base, Row base_count,
                         std::shared_ptr<const void> owner)
    : dimension_(dimension),
      type_(type),
      padded_(pad(dimension)),
      rows_(stride_of(dimension, type), first_block(stride_of(dimension, type)), base, base_count, std::move(owner)) {}

void VectorStore::write(Row first, const float* vectors, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    std::byte* out = rows_.at(first + static_cast<Row>(i));
    const float* in = vectors + i * dimension_;
    // Blocks are zero-filled and rows written once, so the padding is zero already.
    if (type_ == VectorType::float32) {
      std::memcpy(out, in, std::size_t{dimension_} * sizeof(float));
    } else {
      kernels().f32_to_f16(in, reinterpret_cast<std::uint16_t*>(out), dimension_);
    }
  }
}

void VectorStore::copy(Row to, const VectorStore& from, Row row) noexcept {
  std::memcpy(rows_.at(to), from.rows_.at(row), stride());
}

void VectorStore::read(Row r, float* out) const noexcept {
  if (type_ == VectorType::float32) {
    std::memcpy(out, rows_.at(r), std::size_t{dimension_} * sizeof(float));
  } else {
    kernels().f16_to_f32(f16(r), out, dimension_);
  }
}

}  // namespace sagedb
