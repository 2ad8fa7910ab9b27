// 7-bit scalar codes: the compact form of vectors that graph traversal and fresh-row scans measure on. Full-precision vectors
// re-rank what the codes find, so a code never decides a final order.
//
// One global offset and scale: u = clamp(round((x - offset) / scale), 0, 127). Squared L2 of codes times scale^2 approximates
// squared L2; for ip, dot(x, y) ≈ scale^2 * dot(u - 64, v - 64) with offset = -64 * scale (symmetric).
// Trained on a sample; values outside the range saturate and are counted, so that drift can be noticed and the codec retrained.
// Every encoded row also keeps, in one byte, an upper bound of the length of (vector - decoded code): with the triangle inequality it
// proves that a row cannot be among the nearest, which lets exact scans skip rows (see flat_index.cpp).
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <memory>

#include "base/block_array.h"
#include "base/types.h"
#include "store/vector_store.h"

namespace sagedb {

struct Codec {
  Metric metric = Metric::l2;
  std::uint32_t dimension = 0;
  std::uint32_t padded = 0;  // bytes per code, a multiple of 64
  float offset = 0;
  float scale = 1;

  // Trains on up to `sample` rows of [0, rows), evenly spread. Requires rows > 0.
  static Codec train(const VectorStore& vectors, Metric metric, Row rows, std::size_t sample = 20000) {
    return train(vectors, nullptr, metric, rows, sample);
  }
  // Of the rows whose bits are set in `present`; requires one below `rows`.
  static Codec train(const VectorStore& vectors, const std::uint64_t* present, Metric metric, Row rows,
                     std::size_t sample = 20000);
  // in: `dimension` floats; out: `padded` bytes. Returns how many components saturated.
  std::uint32_t encode(const float* in, std::uint8_t* out) const noexcept;
  // The same; `error` receives an upper bound of the length of (in - decoded).
  std::uint32_t encode(const float* in, std::uint8_t* out, float* error) const noexcept;
  // Upper bound of the length of (in - decoded), from the squared length that the encoding kernel measured: covers the rounding of the
  // kernel's sum and of decoding.
  float error_bound(float error2) const noexcept;
  // Width of one step of a row's error byte.
  float error_unit() const noexcept { return scale * std::sqrt(static_cast<float>(dimension)) / 64.0f; }
  // Squared scale, kept in a range where no distance of two codes overflows or vanishes.
  float scale2() const noexcept { return std::min(std::max(scale * scale, 1e-37f), 1e29f); }
  // Approximate distance (the unit of Candidate::distance) of two encoded rows from the integer a kernel returns. For ip the second
  // row's code is signed (u - 64) and `bias` is 64 * sum of it. Queries are encoded with a scale of their own under ip:
  // use Query::code_distance().
  float distance(std::int32_t raw, std::int32_t bias) const noexcept {
    return metric == Metric::ip ? -scale2() * static_cast<float>(raw - bias) : scale2() * static_cast<float>(raw);
  }
};

// Codes of all rows of one vector space. cosine uses squared L2 of codes (vectors are unit length: same order).
// Thread safety: as VectorStore. Immutable codec.
class CodeStore {
 public:
  explicit CodeStore(Codec codec);
  // Codes and error bytes of rows [0, base_count) are read in place.
  CodeStore(Codec codec, const void* base, const void* errors, Row base_count, std::shared_ptr<const void> owner);
  const Codec& codec() const noexcept { return codec_; }
  std::size_t stride() const noexcept { return codec_.padded; }
  // For a store without rows: the codes of [0, count) stand in `pages`, zeros.
  void begin_in(std::shared_ptr<std::byte> pages, Row count) noexcept { rows_.begin_in(std::move(pages), count); }
  Row mapped_rows() const noexcept { return rows_.mapped_count(); }
  Row begun_rows() const noexcept { return rows_.begun_count(); }
  void ensure(Row count) {
    rows_.ensure(count);
    errors_.ensure(count);
  }
  // Encodes rows [first, last) from `vectors`. Requires ensure(last). Cannot throw. Safe to call on disjoint ranges in parallel.
  void encode(const VectorStore& vectors, Row first, Row last) noexcept;
  const std::uint8_t* row(Row r) const noexcept { return reinterpret_cast<const std::uint8_t*>(rows_.at(r)); }
  void rows(const Row* rows, std::size_t count, const std::uint8_t** out) const noexcept {
    rows_.at(rows, count, reinterpret_cast<const std::byte**>(out));
  }
  std::uint32_t run(Row r) const noexcept { return rows_.run(r); }
  // Upper bound of row r's error in steps of Codec::error_unit(), 1..254; 0 and 255: no bound is known (rows far outside the trained range).
  std::uint8_t error(Row r) const noexcept { return errors_[r]; }
  std::size_t bytes() const noexcept { return rows_.bytes() + errors_.bytes(); }
  // Share of encoded components that saturated.
  double saturated() const noexcept;

 private:
  const Codec codec_;
  BlockBytes rows_;
  BlockArray<std::uint8_t> errors_;
  std::atomic<std::uint64_t> saturated_{0};
  std::atomic<std::uint64_t> components_{0};
};

}  // namespace sagedb
