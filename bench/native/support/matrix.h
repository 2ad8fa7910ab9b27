// Row-major float matrix, and the readers of raw vector files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/memory.h"

namespace sagedb::bench {

struct Matrix {
  std::size_t rows = 0;
  std::size_t dimension = 0;
  AlignedVector<float> values;

  Matrix() = default;
  Matrix(std::size_t r, std::size_t d) : rows(r), dimension(d), values(r * d) {}
  float* row(std::size_t i) { return values.data() + i * dimension; }
  const float* row(std::size_t i) const { return values.data() + i * dimension; }
};

// By extension: .f32, .f16, .u8 are raw rows of `dimension` components; .fvecs carries its dimension (`dimension` may be 0).
// max_rows 0: all. Throws std::runtime_error naming the file.
Matrix read_vectors(const std::string& path, std::size_t dimension, std::size_t max_rows = 0);
// Raw little-endian int32.
std::vector<std::int32_t> read_i32(const std::string& path);
// Written beside the target and renamed, so that an interrupted run leaves no half file behind.
void write_file(const std::string& path, const void* data, std::size_t bytes);

float half_to_float(std::uint16_t half) noexcept;

}  // namespace sagedb::bench
