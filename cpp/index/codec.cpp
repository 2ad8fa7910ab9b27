#include "index/codec.h"

#include <cmath>
#include <cstring>

#include "kernels/kernels.h"

namespace sagedb {
namespace {

// Components of the training sample that are looked at, whatever the dimension.
constexpr std::size_t kSampleComponents = std::size_t{4} << 20;
// 1 / scale must be finite, and offset + 127 * scale too.
constexpr float kLargest = 1e36f;
constexpr float kSmallestScale = 1e-36f;

std::uint32_t padded_bytes(std::uint32_t dimension) {
  return static_cast<std::uint32_t>(round_up(std::size_t{dimension}, kCacheLine));
}

std::uint32_t first_block(std::size_t stride) {
  std::uint32_t rows = 8;
  while (rows < 1024 && std::size_t{rows} * 2 * stride <= (64u << 10)) rows *= 2;
  return rows;
}

std::vector<float> sample_components(const VectorStore& vectors, Row rows, std::size_t sample) {
  const std::size_t dimension = vectors.dimension();
  std::size_t count = std::min(sample, std::max<std::size_t>(kSampleComponents / dimension, 64));
  count = std::max<std::size_t>(std::min<std::size_t>(count, rows), 1);
  std::vector<float> components(count * dimension);
  for (std::size_t i = 0; i < count; ++i) {
    vectors.read(static_cast<Row>(std::uint64_t{i} * rows / count), components.data() + i * dimension);
  }
  return components;
}

float clamp_magnitude(float x) { return std::min(std::max(x, -kLargest), kLargest); }

struct Range {
  float low;
  float high;
};

Range component_range(const std::vector<float>& components) {
  Range r{components[0], components[0]};
  for (const float x : components) {
    r.low = std::min(r.low, x);
    r.high = std::max(r.high, x);
  }
  return {clamp_magnitude(r.low), clamp_magnitude(r.high)};
}

}  // namespace

Codec Codec::train(const VectorStore& vectors, Metric metric, Row rows, std::size_t sample) {
  const Range range = component_range(sample_components(vectors, rows, sample));
  Codec codec;
  codec.metric = metric;
  codec.dimension = vectors.dimension();
  codec.padded = padded_bytes(codec.dimension);
  const float magnitude = std::max(std::fabs(range.low), std::fabs(range.high));
  if (metric == Metric::ip) {
    codec.scale = magnitude / 63.0f;
  } else {
    codec.offset = range.low;
    codec.scale = (range.high - range.low) / 127.0f;
  }
  // A sample without spread says nothing about the rows to come: a few per cent of its magnitude, or anything for zeros.
  if (!(codec.scale > 0)) codec.scale = magnitude > 0 ? magnitude / 1024.0f : 1.0f;
  // Steps below the offset's resolution would encode rounding noise.
  codec.scale = std::max(codec.scale, std::max(kSmallestScale, magnitude * 0x1p-23f));
  if (metric == Metric::ip) codec.offset = -64.0f * codec.scale;
  return codec;
}

std::uint32_t Codec::encode(const float* in, std::uint8_t* out) const noexcept {
  float error2;
  const std::uint32_t outside = kernels().encode_u7(in, dimension, offset, scale, out, &error2);
  std::memset(out + dimension, 0, padded - dimension);
  return outside;
}

CodeStore::CodeStore(Codec codec) : CodeStore(codec, nullptr, 0, nullptr) {}

CodeStore::CodeStore(Codec codec, const void* base, Row base_count, std::shared_ptr<const void> owner)
    : codec_(codec), rows_(codec.padded, first_block(codec.padded), base, base_count, std::move(owner)) {}

void CodeStore::encode(const VectorStore& vectors, Row first, Row last) noexcept {
  constexpr std::size_t kChunk = 1024;  // components decoded at a time from half precision
  const std::uint32_t dimension = codec_.dimension;
  std::uint64_t outside = 0;
  for (Row r = first; r < last; ++r) {
    auto* out = reinterpret_cast<std::uint8_t*>(rows_.at(r));
    if (vectors.type() == VectorType::float32) {
      outside += codec_.encode(vectors.f32(r), out);
      continue;
    }
    float buffer[kChunk];
    float error2;
    for (std::size_t i = 0; i < dimension; i += kChunk) {
      const std::size_t n = std::min<std::size_t>(kChunk, dimension - i);
      kernels().f16_to_f32(vectors.f16(r) + i, buffer, n);
      outside += kernels().encode_u7(buffer, n, codec_.offset, codec_.scale, out + i, &error2);
    }
    std::memset(out + dimension, 0, codec_.padded - dimension);
  }
  saturated_.fetch_add(outside, std::memory_order_relaxed);
  components_.fetch_add(std::uint64_t{last - first} * dimension, std::memory_order_relaxed);
}

double CodeStore::saturated() const noexcept {
  const auto all = components_.load(std::memory_order_relaxed);
  return all == 0 ? 0.0 : static_cast<double>(saturated_.load(std::memory_order_relaxed)) / static_cast<double>(all);
}

}  // namespace sagedb
