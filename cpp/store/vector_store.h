// Full-precision vectors in append-only blocks with stable addresses.
//
// Thread safety: append()/ensure() by the one writer; row() by anyone for rows published to them.
// Invariants: a stored row never changes; cosine rows are unit length; every row is padded with zeros to `stride` bytes and
// 64-byte aligned.
#pragma once

#include "base/block_array.h"
#include "base/types.h"

namespace sagedb {

class VectorStore {
 public:
  VectorStore(std::uint32_t dimension, VectorType type);
  // Rows [0, base_count) are read in place from `base` (a mapped segment with the same stride).
  VectorStore(std::uint32_t dimension, VectorType type, const void* base, Row base_count,
              std::shared_ptr<const void> owner);

  std::uint32_t dimension() const noexcept { return dimension_; }
  VectorType type() const noexcept { return type_; }
  // Number of components after padding (a multiple of 16); kernels take this as `n`.
  std::uint32_t padded() const noexcept { return padded_; }
  std::size_t stride() const noexcept { return rows_.stride(); }
  std::size_t bytes() const noexcept { return rows_.bytes(); }

  // For a store without rows: [0, count) stand in `pages`, zeros.
  void begin_in(std::shared_ptr<std::byte> pages, Row count) noexcept { rows_.begin_in(std::move(pages), count); }
  Row mapped_rows() const noexcept { return rows_.mapped_count(); }
  Row begun_rows() const noexcept { return rows_.begun_count(); }
  // May throw OUT_OF_MEMORY / LIMIT_EXCEEDED; changes nothing visible.
  void ensure(Row count) { rows_.ensure(count); }
  // Writes `count` vectors of `dimension` floats (dense) at rows [first, first + count). Requires ensure() before. Cannot throw.
  void write(Row first, const float* vectors, std::size_t count) noexcept;

  // Copies row `row` of another store of the same shape. Requires ensure(). Cannot throw.
  void copy(Row to, const VectorStore& from, Row row) noexcept;

  const std::byte* row(Row r) const noexcept { return rows_.at(r); }
  // Rows from r on that lie one after the other.
  std::uint32_t run(Row r) const noexcept { return rows_.run(r); }
  const float* f32(Row r) const noexcept { return reinterpret_cast<const float*>(rows_.at(r)); }
  const std::uint16_t* f16(Row r) const noexcept { return reinterpret_cast<const std::uint16_t*>(rows_.at(r)); }
  // Copies row r as `dimension` floats.
  void read(Row r, float* out) const noexcept;

 private:
  const std::uint32_t dimension_;
  const VectorType type_;
  const std::uint32_t padded_;
  BlockBytes rows_;
};

}  // namespace sagedb
