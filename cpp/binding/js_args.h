// JavaScript values -> owned C++ values. lib/*.ts has checked them for the person; these checks are for memory safety.
// Every function throws INVALID_ARGUMENT for a value of the wrong kind.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/sage_db.h"

namespace sagedb {

// The memory of a Float32Array. Valid until control returns to JavaScript, which may detach or resize it: copy at once.
struct FloatSpan {
  const float* data = nullptr;
  std::size_t size = 0;
};
FloatSpan read_floats(const Napi::Value& value, const char* field);
struct DoubleSpan {
  const double* data = nullptr;
  std::size_t size = 0;
};
DoubleSpan read_doubles(const Napi::Value& value, const char* field);

// Sets of spaces: the memory of a Uint32Array.
struct SetSpan {
  const SpaceSet* data = nullptr;
  std::size_t size = 0;
};
SetSpan read_sets(const Napi::Value& value, const char* field);

// A number that is a whole one in [0, max].
std::uint64_t read_count(const Napi::Value& value, const char* field, std::uint64_t max);
// Well-formed text (JSON).
std::string read_text(napi_env env, napi_value value, const char* field);
ExternalId read_id(napi_env env, napi_value value);
// Appends the ids of a Float64Array or of an array of strings and numbers.
void read_ids(const Napi::Value& value, std::vector<ExternalId>& out);
// Appends the texts of an array.
void read_texts(const Napi::Value& value, const char* field, std::vector<std::string>& out);
// Options of open(), as lib/options.ts passes them.
Options read_options(const Napi::Value& value);

// What is wrong with `n` values that are vectors of `dimension` each: kRowsGood, the position of the first NaN or Infinity, or
// -2 - row for the first row of zeros when those are refused.
inline constexpr std::int64_t kRowsGood = -1;
std::int64_t check_rows(const float* values, std::size_t n, std::size_t dimension, bool refuse_zero) noexcept;

}  // namespace sagedb
