#include "support/matrix.h"

#include <cstdio>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace sagedb::bench {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

std::string extension(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(dot + 1);
}

std::vector<std::byte> read_bytes(const std::string& path, std::size_t limit) {
  const File file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) throw std::runtime_error("cannot open " + path);
  std::fseek(file.get(), 0, SEEK_END);
  std::size_t size = static_cast<std::size_t>(std::ftell(file.get()));
  std::rewind(file.get());
  if (limit != 0 && limit < size) size = limit;
  std::vector<std::byte> bytes(size);
  if (std::fread(bytes.data(), 1, size, file.get()) != size) throw std::runtime_error("cannot read " + path);
  return bytes;
}

template <typename T, typename Convert>
Matrix convert(const std::string& path, std::size_t dimension, std::size_t max_rows, Convert&& to_float) {
  const auto bytes = read_bytes(path, max_rows * dimension * sizeof(T));
  if (dimension == 0 || bytes.size() % (dimension * sizeof(T)) != 0) {
    throw std::runtime_error(path + ": not whole rows of " + std::to_string(dimension) + " components");
  }
  Matrix m(bytes.size() / (dimension * sizeof(T)), dimension);
  for (std::size_t i = 0; i < m.values.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    m.values[i] = to_float(value);
  }
  return m;
}

Matrix read_fvecs(const std::string& path, std::size_t dimension, std::size_t max_rows) {
  const auto bytes = read_bytes(path, 0);
  std::int32_t stored = 0;
  if (bytes.size() >= 4) std::memcpy(&stored, bytes.data(), 4);
  const std::size_t stride = 4 + 4 * static_cast<std::size_t>(stored);
  if (stored <= 0 || bytes.size() % stride != 0 || (dimension != 0 && dimension != static_cast<std::size_t>(stored))) {
    throw std::runtime_error(path + ": not an fvecs file of the expected dimension");
  }
  std::size_t rows = bytes.size() / stride;
  if (max_rows != 0 && max_rows < rows) rows = max_rows;
  Matrix m(rows, static_cast<std::size_t>(stored));
  for (std::size_t r = 0; r < rows; ++r) std::memcpy(m.row(r), bytes.data() + r * stride + 4, stride - 4);
  return m;
}

}  // namespace

float half_to_float(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 31u;
  const std::uint32_t fraction = half & 1023u;
  std::uint32_t bits;
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    std::memcpy(&bits, &value, 4);
    bits |= sign;
  } else {
    bits = sign | ((exponent == 31 ? 255u : exponent + 112u) << 23) | (fraction << 13);
  }
  float result;
  std::memcpy(&result, &bits, 4);
  return result;
}

Matrix read_vectors(const std::string& path, std::size_t dimension, std::size_t max_rows) {
  const std::string type = extension(path);
  if (type == "f32") return convert<float>(path, dimension, max_rows, [](float v) { return v; });
  if (type == "f16") return convert<std::uint16_t>(path, dimension, max_rows, half_to_float);
  if (type == "u8")
    return convert<std::uint8_t>(path, dimension, max_rows, [](std::uint8_t v) { return static_cast<float>(v); });
  if (type == "fvecs") return read_fvecs(path, dimension, max_rows);
  throw std::runtime_error(path + ": expected .f32, .f16, .u8 or .fvecs");
}

std::vector<std::int32_t> read_i32(const std::string& path) {
  const auto bytes = read_bytes(path, 0);
  std::vector<std::int32_t> values(bytes.size() / 4);
  std::memcpy(values.data(), bytes.data(), values.size() * 4);
  return values;
}

void write_file(const std::string& path, const void* data, std::size_t bytes) {
  const std::string temporary = path + ".tmp";
  File file(std::fopen(temporary.c_str(), "wb"), std::fclose);
  if (!file || std::fwrite(data, 1, bytes, file.get()) != bytes || std::fflush(file.get()) != 0) {
    throw std::runtime_error("cannot write " + temporary);
  }
  file.reset();
  if (std::rename(temporary.c_str(), path.c_str()) != 0) throw std::runtime_error("cannot write " + path);
}

}  // namespace sagedb::bench
