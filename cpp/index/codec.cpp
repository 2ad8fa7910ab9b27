#include "index/codec.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/kernels.h"
#include "store/presence.h"

namespace sagedb {
namespace {

// Components of the training sample that are looked at, whatever the dimension.
constexpr std::size_t kSampleComponents = std::size_t{1} << 20;
// Below this the tails of the distribution are guesswork.
constexpr std::size_t kSmallSample = std::size_t{1} << 16;
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

// The first row with a vector at or after `r`, around the end.
Row next_present(const std::uint64_t* present, Row r, Row rows) noexcept {
  while (!has_bit(present, r)) r = r + 1 == rows ? 0 : r + 1;
  return r;
}

std::vector<float> sample_components(const VectorStore& vectors, const std::uint64_t* present, Row rows,
                                     std::size_t sample) {
  const std::size_t dimension = vectors.dimension();
  std::size_t count = std::min(sample, std::max<std::size_t>(kSampleComponents / dimension, 64));
  count = std::max<std::size_t>(std::min<std::size_t>(count, rows), 1);
  std::vector<float> components(count * dimension);
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = static_cast<Row>(std::uint64_t{i} * rows / count);
    vectors.read(present == nullptr ? at : next_present(present, at, rows), components.data() + i * dimension);
  }
  return components;
}

float clamp_magnitude(float x) { return std::min(std::max(x, -kLargest), kLargest); }

struct Range {
  float low;
  float high;
};

Range clamped(float low, float high) { return {clamp_magnitude(low), clamp_magnitude(high)}; }

// The range that leaves the given share of the components outside on either side. Reorders `components`.
Range quantile_range(std::vector<float>& components, double share) {
  const auto skip = static_cast<std::ptrdiff_t>(static_cast<double>(components.size()) * share);
  const auto at_low = components.begin() + skip;
  std::nth_element(components.begin(), at_low, components.end());
  const float low = *at_low;
  const auto at_high = components.end() - 1 - skip;
  std::nth_element(at_low, at_high, components.end());
  return clamped(low, *at_high);
}

Codec with_range(Codec codec, Range range) {
  const float magnitude = std::max(std::fabs(range.low), std::fabs(range.high));
  if (codec.metric == Metric::ip) {
    codec.scale = magnitude / 63.0f;
  } else {
    codec.offset = range.low;
    codec.scale = (range.high - range.low) / 127.0f;
  }
  // A sample without spread says nothing about the rows to come: a small share of its magnitude, or anything for zeros.
  if (!(codec.scale > 0)) codec.scale = magnitude > 0 ? magnitude / 1024.0f : 1.0f;
  // Steps below the offset's resolution would encode rounding noise.
  codec.scale = std::max(codec.scale, std::max(kSmallestScale, magnitude * 0x1p-23f));
  if (codec.metric == Metric::ip) codec.offset = -64.0f * codec.scale;
  return codec;
}

// Squared error of encoding the whole sample, in units of the widest range so that it neither overflows nor vanishes.
double encoding_error(const Codec& codec, const std::vector<float>& components, float unit) {
  constexpr std::size_t kChunk = 4096;
  std::uint8_t codes[kChunk];
  double sum = 0;
  for (std::size_t i = 0; i < components.size(); i += kChunk) {
    const std::size_t n = std::min(kChunk, components.size() - i);
    kernels().encode_u7(components.data() + i, n, codec.offset, codec.scale, codes, nullptr);
    for (std::size_t j = 0; j < n; ++j) {
      const double decoded = static_cast<double>(codec.offset) + static_cast<double>(codec.scale) * codes[j];
      const double e = (components[i + j] - decoded) / unit;
      sum += e * e;
    }
  }
  return sum;
}

}  // namespace

// The narrower the range, the finer the steps and the more components saturate. Of the ranges between two quantiles the one with the least
// squared error on the sample wins: measured on text embeddings, SIFT and clustered vectors it also has the best recall, and heavy-tailed
// data gets the wide range that it needs.
Codec Codec::train(const VectorStore& vectors, const std::uint64_t* present, Metric metric, Row rows,
                   std::size_t sample) {
  std::vector<float> components = sample_components(vectors, present, rows, sample);
  Codec codec;
  codec.metric = metric;
  codec.dimension = vectors.dimension();
  codec.padded = padded_bytes(codec.dimension);

  const Range all = quantile_range(components, 0);
  if (components.size() < kSmallSample) {
    // Too few components to know the tails: leave room for the rows to come.
    const float margin = (all.high - all.low) / 16;
    return with_range(codec, clamped(all.low - margin, all.high + margin));
  }
  Codec best = with_range(codec, all);
  const float unit = 127.0f * best.scale;
  double best_error = encoding_error(best, components, unit);
  for (const double share : {1e-5, 1e-4, 1e-3}) {
    const Codec candidate = with_range(codec, quantile_range(components, share));
    const double error = encoding_error(candidate, components, unit);
    if (error < best_error) {
      best_error = error;
      best = candidate;
    }
  }
  return best;
}

float Codec::error_bound(float error2) const noexcept {
  // A float sum of n squares is off by at most n units in the last place, and each square may have vanished below the smallest normal
  // float; a decoded component is off by at most two units of the largest one.
  const double n = dimension;
  const double largest = std::fabs(static_cast<double>(offset)) + 127.0 * scale;
  const double bound = std::sqrt((static_cast<double>(error2) + n * 0x1p-126) * (1.0 + (n + 16) * 0x1p-23)) +
                       std::sqrt(n) * largest * 0x1p-21;
  return static_cast<float>(bound * (1.0 + 0x1p-20));
}

std::uint32_t Codec::encode(const float* in, std::uint8_t* out, float* error) const noexcept {
  float error2;
  const std::uint32_t outside = kernels().encode_u7(in, dimension, offset, scale, out, &error2);
  std::memset(out + dimension, 0, padded - dimension);
  if (error != nullptr) *error = error_bound(error2);
  return outside;
}

std::uint32_t Codec::encode(const float* in, std::uint8_t* out) const noexcept { return encode(in, out, nullptr); }

CodeStore::CodeStore(Codec codec) : CodeStore(codec, nullptr, nullptr, 0, nullptr) {}

CodeStore::CodeStore(Codec codec, const void* base, const void* errors, Row base_count,
                     std::shared_ptr<const void> owner)
    : codec_(codec),
      rows_(codec.padded, first_block(codec.padded), base, base_count, owner),
      errors_(4096, errors, base_count, owner) {}

void CodeStore::encode(const VectorStore& vectors, Row first, Row last) noexcept {
  constexpr std::size_t kChunk = 1024;  // components decoded at a time from half precision
  const std::uint32_t dimension = codec_.dimension;
  const float unit = codec_.error_unit();
  std::uint64_t outside = 0;
  for (Row r = first; r < last; ++r) {
    auto* out = reinterpret_cast<std::uint8_t*>(rows_.at(r));
    float error;
    if (vectors.type() == VectorType::float32) {
      outside += codec_.encode(vectors.f32(r), out, &error);
    } else {
      float buffer[kChunk];
      float sum = 0;
      for (std::size_t i = 0; i < dimension; i += kChunk) {
        const std::size_t n = std::min<std::size_t>(kChunk, dimension - i);
        float part;
        kernels().f16_to_f32(vectors.f16(r) + i, buffer, n);
        outside += kernels().encode_u7(buffer, n, codec_.offset, codec_.scale, out + i, &part);
        sum += part;
      }
      std::memset(out + dimension, 0, codec_.padded - dimension);
      error = codec_.error_bound(sum);
    }
    const float steps = std::ceil(error / unit) + 1.0f;
    errors_[r] = steps <= 254.0f ? static_cast<std::uint8_t>(steps) : std::uint8_t{255};
  }
  saturated_.fetch_add(outside, std::memory_order_relaxed);
  components_.fetch_add(std::uint64_t{last - first} * dimension, std::memory_order_relaxed);
}

double CodeStore::saturated() const noexcept {
  const auto all = components_.load(std::memory_order_relaxed);
  return all == 0 ? 0.0 : static_cast<double>(saturated_.load(std::memory_order_relaxed)) / static_cast<double>(all);
}

}  // namespace sagedb
