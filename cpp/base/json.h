// A strict JSON reader for what JSON.stringify writes: metadata and filters. Numbers are exact doubles, strings are WTF-8 (lone
// surrogates survive), a repeated key keeps its last value as in JavaScript, `__proto__` is an ordinary key.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sagedb {

// Levels of arrays and objects, the outermost included.
inline constexpr int kMaxJsonDepth = 64;

struct JsonValue {
  enum class Type : std::uint8_t { null, boolean, number, string, array, object };
  Type type = Type::null;
  bool boolean = false;
  double number = 0;
  std::string string;
  std::vector<JsonValue> items;  // elements of an array, values of an object
  std::vector<std::string> keys;  // of an object: as many as items, unique

  const char* type_name() const noexcept;
};

// Throws Error(code) with a message that begins with `what` and names the offset; std::bad_alloc.
JsonValue parse_json(std::string_view text, ErrorCode code, const char* what);

// JSON text of a string or a short form of any value, for error messages.
std::string json_preview(const JsonValue& value, std::size_t limit = 60);

}  // namespace sagedb
