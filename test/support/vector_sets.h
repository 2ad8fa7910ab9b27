// Vectors to test and measure with: seeded generators, and the optional real data sets in ../shared/data.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "base/executor.h"

namespace sagedb::test {

// Row-major floats.
struct VectorSet {
  std::uint32_t dimension = 0;
  std::size_t count = 0;
  std::vector<float> values;

  const float* row(std::size_t r) const { return values.data() + r * dimension; }
  float* row(std::size_t r) { return values.data() + r * dimension; }
};

inline VectorSet make_set(std::size_t count, std::uint32_t dimension) {
  return {dimension, count, std::vector<float>(count * dimension)};
}

inline void normalise(VectorSet& set) {
  for (std::size_t r = 0; r < set.count; ++r) {
    double sum = 0;
    for (std::uint32_t i = 0; i < set.dimension; ++i) sum += static_cast<double>(set.row(r)[i]) * set.row(r)[i];
    const float scale = static_cast<float>(1.0 / std::sqrt(std::max(sum, 1e-30)));
    for (std::uint32_t i = 0; i < set.dimension; ++i) set.row(r)[i] *= scale;
  }
}

inline VectorSet gaussian_set(std::size_t count, std::uint32_t dimension, std::uint64_t seed) {
  VectorSet set = make_set(count, dimension);
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  for (float& v : set.values) v = normal(random);
  return set;
}

// Like text embeddings: centres near a subspace of 200 dimensions, 64-dimensional structure in each cluster, a common
// offset, unit length. Row r belongs to cluster cluster_of(r).
class ClusteredSource {
 public:
  ClusteredSource(std::uint32_t dimension, std::size_t clusters, std::uint64_t seed)
      : dimension_(dimension), clusters_(clusters), seed_(seed) {
    const std::size_t subspace = std::min<std::size_t>(200, dimension);
    const VectorSet basis = gaussian_set(subspace, dimension, seed);
    const VectorSet weights = gaussian_set(clusters, static_cast<std::uint32_t>(subspace), seed + 1);
    offset_ = gaussian_set(1, dimension, seed + 2);
    directions_ = gaussian_set(kDirections, dimension, seed + 3);
    centres_ = make_set(clusters, dimension);
    const float scale = 1.0f / std::sqrt(static_cast<float>(subspace));
    for (std::size_t c = 0; c < clusters; ++c) {
      float* centre = centres_.row(c);
      for (std::uint32_t i = 0; i < dimension; ++i) centre[i] = 0.7f * offset_.values[i];
      for (std::size_t s = 0; s < subspace; ++s) add(centre, basis.row(s), scale * weights.row(c)[s]);
    }
  }

  std::size_t cluster_of(std::size_t row) const { return mix(row * 2 + 1) % clusters_; }

  // Rows [first, first + count); any row can be made on its own, so that base and queries are disjoint ranges.
  VectorSet rows(std::size_t first, std::size_t count) const {
    VectorSet set = make_set(count, dimension_);
    parallel_for(count, 256, hardware_threads(), [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t r = begin; r < end; ++r) make_row(first + r, set.row(r));
    });
    normalise(set);
    return set;
  }

 private:
  static constexpr std::size_t kDirections = 512;
  static constexpr std::size_t kLocal = 64;

  std::uint64_t mix(std::uint64_t z) const {
    z += seed_ * 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  void add(float* out, const float* v, float weight) const {
    for (std::uint32_t i = 0; i < dimension_; ++i) out[i] += weight * v[i];
  }
  void make_row(std::size_t r, float* out) const {
    const std::size_t cluster = cluster_of(r);
    std::copy_n(centres_.row(cluster), dimension_, out);
    std::mt19937_64 random(mix(r * 2));
    std::normal_distribution<float> normal;
    for (std::size_t i = 0; i < kLocal; ++i) {
      // The directions of a cluster, with falling variance.
      const std::size_t d = mix((cluster << 20) + i * 4 + 3) % kDirections;
      add(out, directions_.row(d), 0.16f * normal(random) / std::sqrt(1.0f + 0.1f * static_cast<float>(i)));
    }
    for (std::uint32_t i = 0; i < dimension_; ++i) out[i] += 0.15f * normal(random);
  }

  std::uint32_t dimension_;
  std::size_t clusters_;
  std::uint64_t seed_;
  VectorSet centres_, directions_, offset_;
};

// A data set of ../shared/data with its exact answers; empty (and a line on stderr) when it is not there.
struct RealSet {
  VectorSet base, queries;
  std::vector<std::int32_t> truth;  // queries x 100
  bool empty() const { return base.count == 0; }
};

template <typename T>
std::vector<T> read_values(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return {};
  std::vector<T> values(static_cast<std::size_t>(in.tellg()) / sizeof(T));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
  return values;
}

inline float half_to_float(std::uint16_t h) {
  const int exponent = (h >> 10) & 31;
  const float mantissa = static_cast<float>(h & 1023);
  const float value = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024.0f + mantissa, exponent - 25);
  return (h & 0x8000) != 0 ? -value : value;
}

// name: "sift" (128 x uint8, L2) or "gloss" (300 x float16, cosine).
inline RealSet load_real_set(const std::string& name, std::size_t limit = SIZE_MAX) {
#ifdef SAGEDB_SOURCE_DIR
  const std::string root = std::string(SAGEDB_SOURCE_DIR) + "/../shared/data/" + name + "/";
#else
  const std::string root = "../shared/data/" + name + "/";
#endif
  RealSet set;
  const auto fill = [&](const std::string& file, VectorSet& out, std::size_t rows) {
    if (name == "sift") {
      const auto raw = read_values<std::uint8_t>(root + file + ".u8");
      out = make_set(std::min(rows, raw.size() / 128), 128);
      std::copy_n(raw.begin(), out.values.size(), out.values.begin());
    } else {
      const auto raw = read_values<std::uint16_t>(root + file + ".f16");
      out = make_set(std::min(rows, raw.size() / 300), 300);
      std::transform(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(out.values.size()), out.values.begin(),
                     half_to_float);
      normalise(out);
    }
  };
  fill("base", set.base, limit);
  fill("query", set.queries, SIZE_MAX);
  set.truth = read_values<std::int32_t>(root + "gt100.i32");
  if (set.base.count == 0) std::fprintf(stderr, "SKIPPED: data set '%s' not found in %s\n", name.c_str(), root.c_str());
  return set;
}

}  // namespace sagedb::test
