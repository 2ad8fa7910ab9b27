// Fixed-width little-endian fields of the file format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/status.h"

namespace sagedb {

// Stored arrays (vectors, codes, records) are read in place, so the format is that of a little-endian machine.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "the file format is read in place on little-endian machines only");

template <typename T>
void put_le(void* at, T value) noexcept {
  std::memcpy(at, &value, sizeof value);
}

template <typename T>
T get_le(const void* at) noexcept {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Appends fields to a byte string.
class ByteWriter {
 public:
  template <typename T>
  void put(T value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof value);
    put_le(bytes_.data() + at, value);
  }
  void put_bytes(const void* data, std::size_t size) { bytes_.append(static_cast<const char*>(data), size); }
  void put_text(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    bytes_.append(text);
  }
  const std::string& bytes() const noexcept { return bytes_; }
  std::string take() noexcept { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads fields back. Throws CORRUPTION instead of reading past the end.
class ByteReader {
 public:
  ByteReader(const void* data, std::size_t size, const char* what)
      : at_(static_cast<const char*>(data)), left_(size), what_(what) {}
  template <typename T>
  T get() {
    return get_le<T>(get_bytes(sizeof(T)));
  }
  const char* get_bytes(std::uint64_t size) {
    if (size > left_) throw Error(ErrorCode::CORRUPTION, std::string(what_) + " ends too early");
    const char* at = at_;
    at_ += size;
    left_ -= static_cast<std::size_t>(size);
    return at;
  }
  std::string_view get_text() {
    const auto size = get<std::uint32_t>();
    return {get_bytes(size), size};
  }
  std::size_t left() const noexcept { return left_; }

 private:
  const char* at_;
  std::size_t left_;
  const char* what_;
};

}  // namespace sagedb
