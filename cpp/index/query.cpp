#include <cfloat>
#include <cmath>
#include <cstring>

#include "index/index.h"
#include "kernels/kernels.h"

namespace sagedb {
namespace {

// Sum of squares in double precision: neither overflows nor vanishes for any finite floats.
double squared_norm(const float* v, std::size_t n) {
  double acc[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int j = 0; j < 4; ++j) acc[j] += static_cast<double>(v[i + j]) * v[i + j];
  }
  for (; i < n; ++i) acc[0] += static_cast<double>(v[i]) * v[i];
  return (acc[0] + acc[1]) + (acc[2] + acc[3]);
}

void normalise(float* v, std::size_t n) {
  const double norm2 = squared_norm(v, n);
  if (!(norm2 > 0)) return;
  const double inverse = 1.0 / std::sqrt(norm2);
  for (std::size_t i = 0; i < n; ++i) v[i] = static_cast<float>(v[i] * inverse);
}

// Single precision overflowed: the same sum in double, cut to the largest float, so that distances are always ordered numbers.
float wide_distance(const SpaceView& space, const Query& query, Row row) noexcept {
  const VectorStore& vectors = *space.vectors;
  double sum = 0;
  for (std::uint32_t i = 0; i < vectors.dimension(); ++i) {
    float x;
    if (vectors.type() == VectorType::float32) {
      x = vectors.f32(row)[i];
    } else {
      kernels().f16_to_f32(vectors.f16(row) + i, &x, 1);
    }
    const double q = query.full[i];
    sum += space.metric == Metric::l2 ? (q - x) * (q - x) : -q * x;
  }
  if (std::isnan(sum)) return FLT_MAX;
  return static_cast<float>(std::min(std::max(sum, -static_cast<double>(FLT_MAX)), static_cast<double>(FLT_MAX)));
}

}  // namespace

Query::Query(const float* vector, const SpaceView& space) {
  const VectorStore& vectors = *space.vectors;
  const std::uint32_t dimension = vectors.dimension();
  full.assign(vectors.padded(), 0.0f);
  std::memcpy(full.data(), vector, std::size_t{dimension} * sizeof(float));
  if (space.metric == Metric::cosine) normalise(full.data(), dimension);
  if (space.codes == nullptr) return;

  const Codec& codec = space.codes->codec();
  code.assign(codec.padded, 0);
  if (codec.metric != Metric::ip) {
    codec.encode(full.data(), code.data(), &code_error);
    code_unit = codec.scale2();
    return;
  }
  // A query's length does not change the order under ip, so it gets the scale that uses all seven bits.
  float magnitude = 0;
  for (std::uint32_t i = 0; i < dimension; ++i) magnitude = std::max(magnitude, std::fabs(full[i]));
  Codec own = codec;
  own.scale = std::min(std::max(magnitude / 63.0f, 1e-36f), 1e36f);
  own.offset = -64.0f * own.scale;
  own.encode(full.data(), code.data(), &code_error);
  code_scale = own.scale;
  signed_code.assign(codec.padded, 0);
  std::int32_t sum = 0;
  for (std::uint32_t i = 0; i < dimension; ++i) {
    signed_code[i] = static_cast<std::int8_t>(code[i] - 64);
    sum += signed_code[i];
  }
  code_bias = 64 * sum;
  code_unit = -std::min(std::max(code_scale * codec.scale, 1e-37f), 1e29f);
}

float exact_distance(const SpaceView& space, const Query& query, Row row) noexcept {
  float d;
  exact_distances(space, query, &row, 1, &d);
  return d;
}

void exact_distances(const SpaceView& space, const Query& query, const Row* rows, std::size_t count,
                     float* out) noexcept {
  constexpr std::size_t kBatch = 64;
  const VectorStore& vectors = *space.vectors;
  const KernelTable& k = kernels();
  const float* q = query.full.data();
  const std::size_t n = vectors.padded();
  const bool l2 = space.metric == Metric::l2;
  for (std::size_t first = 0; first < count; first += kBatch) {
    const std::size_t m = std::min(kBatch, count - first);
    if (vectors.type() == VectorType::float32) {
      const float* at[kBatch];
      for (std::size_t i = 0; i < m; ++i) at[i] = vectors.f32(rows[first + i]);
      (l2 ? k.l2_f32_many : k.dot_f32_many)(q, at, m, n, out + first);
    } else {
      const std::uint16_t* at[kBatch];
      for (std::size_t i = 0; i < m; ++i) at[i] = vectors.f16(rows[first + i]);
      (l2 ? k.l2_f16_many : k.dot_f16_many)(q, at, m, n, out + first);
    }
    for (std::size_t i = 0; i < m; ++i) {
      float& d = out[first + i];
      if (!l2) d = -d;
      if (__builtin_expect(!(std::fabs(d) <= FLT_MAX), 0)) d = wide_distance(space, query, rows[first + i]);
    }
  }
}

}  // namespace sagedb
