// Distances from one fixed vector to many rows, one class per representation, so that the traversal templates contain no
// virtual call. Every class gives distances as unsigned 32-bit keys whose order is the order of the distances, which lets
// (distance, node) live in one 64-bit integer.
//
// Thread safety: const after construction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/types.h"
#include "index/index.h"
#include "kernels/kernels.h"

namespace sagedb {

using DistanceKey = std::uint32_t;
inline constexpr DistanceKey kFarthest = 0xffffffffu;

inline DistanceKey key_of(float distance) noexcept {
  std::uint32_t bits;
  std::memcpy(&bits, &distance, sizeof bits);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}
inline float float_of(DistanceKey key) noexcept {
  const std::uint32_t bits = (key & 0x80000000u) != 0 ? key & 0x7fffffffu : ~key;
  float distance;
  std::memcpy(&distance, &bits, sizeof distance);
  return distance;
}

// Rows measured by one kernel call.
inline constexpr std::size_t kMeasureBatch = kWithinBatch;

// When a row need not be measured to its end: its first `bytes` alone are farther than `share` times the bound. Calibrated on neighbors in a
// graph (index/early_stop.h); bytes 0: every row is measured whole.
struct EarlyStop {
  std::uint32_t bytes = 0;
  float share = 0;
};

// 7-bit codes, squared L2 (l2 and cosine queries; every node-to-node distance of the builder).
class CodeL2 {
 public:
  static constexpr bool kExact = false;
  static constexpr bool kStops = true;
  CodeL2(const CodeStore& codes, const std::uint8_t* query, float unit = 1) noexcept
      : codes_(&codes), query_(query), unit_(unit), many_(kernels().l2_u7_many), within_(kernels().l2_u7_within) {}
  void many(const Row* rows, std::size_t count, DistanceKey* out) const noexcept {
    const std::uint8_t* at[kMeasureBatch];
    while (count > 0) {
      const std::size_t n = std::min(count, kMeasureBatch);
      codes_->rows(rows, n, at);
      // The raw sum is never negative, so its bits are the key.
      many_(query_, at, n, codes_->stride(), reinterpret_cast<std::int32_t*>(out));
      rows += n, out += n, count -= n;
    }
  }
  // What the first `bytes` of at most kMeasureBatch rows contribute.
  void first(const Row* rows, std::size_t count, std::uint32_t bytes, DistanceKey* out) const noexcept {
    const std::uint8_t* at[kMeasureBatch] = {};
    codes_->rows(rows, count, at);
    many_(query_, at, count, std::min<std::size_t>(bytes, codes_->stride()), reinterpret_cast<std::int32_t*>(out));
  }
  // As many(), but rows that `stop` finds beyond `bound` get kFarthest: most rows that a traversal meets are, and a long code costs a cache
  // miss per line.
  void many_within(const Row* rows, std::size_t count, const EarlyStop& stop, DistanceKey bound,
                   DistanceKey* out) const noexcept {
    if (stop.bytes == 0 || stop.bytes >= codes_->stride() || bound == kFarthest) return many(rows, count, out);
    const auto most = static_cast<std::int32_t>(std::min(stop.share * static_cast<float>(bound), 2e9f));
    const std::uint8_t* at[kMeasureBatch];
    while (count > 0) {
      const std::size_t n = std::min(count, kMeasureBatch);
      codes_->rows(rows, n, at);
      within_(query_, at, n, codes_->stride(), stop.bytes, most, reinterpret_cast<std::int32_t*>(out));
      rows += n, out += n, count -= n;
    }
  }
  float distance(DistanceKey key) const noexcept { return unit_ * static_cast<float>(key); }

 private:
  const CodeStore* codes_;
  const std::uint8_t* query_;
  float unit_;
  decltype(KernelTable::l2_u7_many) many_;
  decltype(KernelTable::l2_u7_within) within_;
};

// 7-bit codes, inner product.
class CodeDot {
 public:
  static constexpr bool kExact = false;
  static constexpr bool kStops = false;
  CodeDot(const CodeStore& codes, const Query& query) noexcept
      : codes_(&codes), query_(&query), many_(kernels().dot_u7_many) {}
  void many(const Row* rows, std::size_t count, DistanceKey* out) const noexcept {
    const std::uint8_t* at[kMeasureBatch];
    std::int32_t raw[kMeasureBatch];
    while (count > 0) {
      const std::size_t n = std::min(count, kMeasureBatch);
      codes_->rows(rows, n, at);
      many_(query_->signed_code.data(), at, n, codes_->stride(), raw);
      for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<DistanceKey>(-raw[i]) ^ 0x80000000u;
      rows += n, out += n, count -= n;
    }
  }
  float distance(DistanceKey key) const noexcept {
    return query_->code_distance(-static_cast<std::int32_t>(key ^ 0x80000000u));
  }

 private:
  const CodeStore* codes_;
  const Query* query_;
  decltype(KernelTable::dot_u7_many) many_;
};

// Full precision: Element is float or uint16_t (half); Dot chooses the negative dot product instead of squared L2.
template <typename Element, bool Dot>
class FullPrecision {
 public:
  static constexpr bool kExact = true;
  static constexpr bool kStops = false;
  FullPrecision(const VectorStore& vectors, const float* query) noexcept : vectors_(&vectors), query_(query) {
    const KernelTable& k = kernels();
    if constexpr (sizeof(Element) == 4) {
      many_ = Dot ? k.dot_f32_many : k.l2_f32_many;
    } else {
      many_ = Dot ? k.dot_f16_many : k.l2_f16_many;
    }
  }
  void many(const Row* rows, std::size_t count, DistanceKey* out) const noexcept {
    const Element* at[kMeasureBatch];
    float raw[kMeasureBatch];
    while (count > 0) {
      const std::size_t n = std::min(count, kMeasureBatch);
      for (std::size_t i = 0; i < n; ++i) at[i] = reinterpret_cast<const Element*>(vectors_->row(rows[i]));
      many_(query_, at, n, vectors_->padded(), raw);
      for (std::size_t i = 0; i < n; ++i) out[i] = key_of(Dot ? -raw[i] : raw[i]);
      rows += n, out += n, count -= n;
    }
  }
  float distance(DistanceKey key) const noexcept { return float_of(key); }

 private:
  const VectorStore* vectors_;
  const float* query_;
  void (*many_)(const float*, const Element* const*, std::size_t, std::size_t, float*);
};

template <typename Measure>
DistanceKey measure_one(const Measure& measure, Row row) noexcept {
  DistanceKey key;
  measure.many(&row, 1, &key);
  return key;
}

// Calls body(measure) with the class that fits the space: codes when there are any, else full precision.
template <typename Body>
decltype(auto) with_query_measure(const SpaceView& space, const Query& query, Body&& body) {
  if (space.codes != nullptr) {
    if (space.metric == Metric::ip) return body(CodeDot(*space.codes, query));
    return body(CodeL2(*space.codes, query.code.data(), query.code_unit));
  }
  const bool dot = space.metric != Metric::l2;
  const float* q = query.full.data();
  if (space.vectors->type() == VectorType::float32) {
    if (dot) return body(FullPrecision<float, true>(*space.vectors, q));
    return body(FullPrecision<float, false>(*space.vectors, q));
  }
  if (dot) return body(FullPrecision<std::uint16_t, true>(*space.vectors, q));
  return body(FullPrecision<std::uint16_t, false>(*space.vectors, q));
}

}  // namespace sagedb
