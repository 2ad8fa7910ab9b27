// One metadata object in a compact form that filters read in place: tagged values, object keys sorted, so a key is found by binary
// search and two values are equal exactly when their bytes are.
//
// Layout: tag; number: 8 bytes (never -0); string: u32 length, bytes; array: u32 size of what follows the count, u32 count, values;
// object: the same, then u32 offset[count] (from the first offset) and per field the key as a string body and the value.
// Host byte order: documents live in memory only and are rebuilt from their JSON text.
//
// Thread safety: immutable bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/json.h"

namespace sagedb {

enum class ValueTag : std::uint8_t { null, no, yes, number, string, array, object };

// Non-string scalars as one ordered 64-bit key: null, false, true, then every number from -Infinity up. Two more keys mark that a
// record holds an array or an object under the path.
using ScalarKey = std::uint64_t;
inline constexpr ScalarKey kNullKey = 0, kFalseKey = 1, kTrueKey = 2, kArrayKey = 3, kObjectKey = 4;
inline constexpr ScalarKey kMinNumberKey = 0x000FFFFFFFFFFFFFull, kMaxNumberKey = ~ScalarKey{0};
ScalarKey number_key(double number) noexcept;

// A value inside a document (or inside an encoded operand); p == nullptr: missing.
class ValueRef {
 public:
  ValueRef() = default;
  explicit ValueRef(const char* p) : p_(p) {}
  bool missing() const noexcept { return p_ == nullptr; }
  ValueTag tag() const noexcept { return static_cast<ValueTag>(*p_); }
  bool is_array() const noexcept { return p_ != nullptr && tag() == ValueTag::array; }
  bool is_object() const noexcept { return p_ != nullptr && tag() == ValueTag::object; }
  bool is_string() const noexcept { return p_ != nullptr && tag() == ValueTag::string; }
  bool is_complex() const noexcept { return p_ != nullptr && tag() >= ValueTag::array; }
  double number() const noexcept { return load<double>(p_ + 1); }
  // Requires null, boolean or number.
  ScalarKey scalar_key() const noexcept;
  std::string_view string() const noexcept { return {p_ + 5, load<std::uint32_t>(p_ + 1)}; }
  // Where the string's length field stands: the form in which indexes keep strings.
  const char* string_body() const noexcept { return p_ + 1; }
  std::uint32_t count() const noexcept { return load<std::uint32_t>(p_ + 5); }
  ValueRef first() const noexcept { return ValueRef(p_ + 9); }  // array: first element
  ValueRef next() const noexcept { return ValueRef(p_ + size()); }  // array: the following element
  std::string_view key(std::uint32_t i) const noexcept;  // object
  ValueRef value(std::uint32_t i) const noexcept;  // object
  ValueRef get(std::string_view key) const noexcept;  // object: missing when absent
  std::size_t size() const noexcept;  // bytes of the whole value
  std::string_view bytes() const noexcept { return {p_, size()}; }

 private:
  template <typename T>
  static T load(const char* at) noexcept {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }
  const char* field(std::uint32_t i) const noexcept {
    const char* offsets = p_ + 9;
    return offsets + load<std::uint32_t>(offsets + 4 * static_cast<std::size_t>(i));
  }
  const char* p_ = nullptr;
};

// Appends the encoding of `value`. Requires that it fits 2^32 - 1 bytes.
void encode_value(const JsonValue& value, std::string& out);

// The value a filter path names inside `object`: an own key equal to the whole rest of the path wins, else the path steps into the object
// under the key before its first dot. Never steps into arrays.
ValueRef resolve_path(ValueRef object, std::string_view path) noexcept;

inline std::string_view string_of_body(const char* body) noexcept {
  std::uint32_t length;
  std::memcpy(&length, body, sizeof length);
  return {body + 4, length};
}

}  // namespace sagedb
