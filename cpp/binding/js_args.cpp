#include "binding/js_args.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "binding/wtf8.h"

namespace sagedb {
namespace {

[[noreturn]] void bad(const char* field, const char* expected) {
  throw Error(ErrorCode::INVALID_ARGUMENT, std::string(field) + ": expected " + expected);
}

template <typename Span>
Span read_typed(const Napi::Value& value, const char* field, napi_typedarray_type wanted, const char* expected) {
  bool is = false;
  if (napi_is_typedarray(value.Env(), value, &is) != napi_ok || !is) bad(field, expected);
  napi_typedarray_type type;
  std::size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != wanted) {
    bad(field, expected);
  }
  // A detached array has length 0 and may have no memory at all.
  if (data == nullptr) length = 0;
  return Span{static_cast<decltype(Span::data)>(data), length};
}

napi_valuetype type_of(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type;
}

std::int64_t integer_of(double number) {
  if (!(std::abs(number) <= static_cast<double>(kMaxSafeInteger)) || number != std::trunc(number)) {
    throw Error(ErrorCode::INVALID_ID, "id: expected a safe integer, got " + std::to_string(number));
  }
  return static_cast<std::int64_t>(number);
}

std::string option_text(const Napi::Object& object, const char* name) {
  return read_text(object.Env(), object.Get(name), name);
}

Durability durability_of(const std::string& name) {
  if (name == "fsync") return Durability::fsync;
  if (name == "async") return Durability::async;
  if (name == "memory") return Durability::memory;
  bad("durability", "'fsync', 'async' or 'memory'");
}

Metric metric_of(const std::string& name) {
  if (name == "l2") return Metric::l2;
  if (name == "ip") return Metric::ip;
  if (name == "cosine") return Metric::cosine;
  bad("metric", "'l2', 'cosine' or 'ip'");
}

IndexKind kind_of(const std::string& name) {
  if (name == "auto") return IndexKind::automatic;
  if (name == "flat") return IndexKind::flat;
  if (name == "hnsw") return IndexKind::hnsw;
  bad("index.type", "'auto', 'flat' or 'hnsw'");
}

Quantization quantization_of(const std::string& name) {
  if (name == "auto") return Quantization::automatic;
  if (name == "none") return Quantization::none;
  if (name == "sq8") return Quantization::sq8;
  bad("index.quantization", "'auto', 'none' or 'sq8'");
}

std::vector<SpaceSpec> spaces_of(const Napi::Value& value) {
  std::vector<SpaceSpec> spaces;
  if (!value.IsArray()) bad("spaces", "an array");
  const auto array = value.As<Napi::Array>();
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value entry = array.Get(i);
    if (!entry.IsObject()) bad("spaces", "an array of objects");
    const auto object = entry.As<Napi::Object>();
    SpaceSpec space;
    space.name = option_text(object, "name");
    space.dimension = static_cast<std::uint32_t>(read_count(object.Get("dimension"), "spaces.dimension", 65536));
    space.metric = metric_of(option_text(object, "metric"));
    space.open_metric = object.Get("openMetric").ToBoolean();
    spaces.push_back(std::move(space));
  }
  return spaces;
}

}  // namespace

FloatSpan read_floats(const Napi::Value& value, const char* field) {
  return read_typed<FloatSpan>(value, field, napi_float32_array, "a Float32Array");
}

DoubleSpan read_doubles(const Napi::Value& value, const char* field) {
  return read_typed<DoubleSpan>(value, field, napi_float64_array, "a Float64Array");
}

SetSpan read_sets(const Napi::Value& value, const char* field) {
  return read_typed<SetSpan>(value, field, napi_uint32_array, "a Uint32Array");
}

std::uint64_t read_count(const Napi::Value& value, const char* field, std::uint64_t max) {
  double number = -1;
  napi_get_value_double(value.Env(), value, &number);
  if (!(number >= 0 && number <= static_cast<double>(max)) || number != std::trunc(number))
    bad(field, "a whole number in range");
  return static_cast<std::uint64_t>(number);
}

std::string read_text(napi_env env, napi_value value, const char* field) {
  char small[512];
  std::size_t length = 0;
  if (napi_get_value_string_utf8(env, value, small, sizeof small, &length) != napi_ok) bad(field, "a string");
  // A full buffer may have been cut, up to a whole character short of its end.
  if (length + 4 < sizeof small) return std::string(small, length);
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) bad(field, "a string");
  std::string text(length, '\0');
  napi_get_value_string_utf8(env, value, text.data(), length + 1, &length);
  text.resize(length);
  return text;
}

ExternalId read_id(napi_env env, napi_value value) {
  if (type_of(env, value) == napi_number) {
    double number = 0;
    napi_get_value_double(env, value, &number);
    return ExternalId(integer_of(number));
  }
  std::size_t length = 0;
  if (napi_get_value_string_utf16(env, value, nullptr, 0, &length) != napi_ok) {
    throw Error(ErrorCode::INVALID_ID, "id: expected a string or a safe integer");
  }
  std::u16string text(length, u'\0');
  napi_get_value_string_utf16(env, value, text.data(), length + 1, &length);
  return ExternalId(utf16_to_wtf8(text));
}

void read_ids(const Napi::Value& value, std::vector<ExternalId>& out) {
  if (value.IsTypedArray()) {
    const DoubleSpan numbers = read_doubles(value, "ids");
    out.reserve(out.size() + numbers.size);
    for (std::size_t i = 0; i < numbers.size; ++i) out.emplace_back(integer_of(numbers.data[i]));
    return;
  }
  if (!value.IsArray()) bad("ids", "an array");
  std::uint32_t count = 0;
  napi_get_array_length(value.Env(), value, &count);
  out.reserve(out.size() + count);
  for (std::uint32_t i = 0; i < count; ++i) {
    napi_value element;
    if (napi_get_element(value.Env(), value, i, &element) != napi_ok) bad("ids", "an array");
    out.push_back(read_id(value.Env(), element));
  }
}

void read_texts(const Napi::Value& value, const char* field, std::vector<std::string>& out) {
  if (!value.IsArray()) bad(field, "an array of strings");
  std::uint32_t count = 0;
  napi_get_array_length(value.Env(), value, &count);
  out.reserve(out.size() + count);
  for (std::uint32_t i = 0; i < count; ++i) {
    napi_value element;
    if (napi_get_element(value.Env(), value, i, &element) != napi_ok) bad(field, "an array of strings");
    out.push_back(read_text(value.Env(), element, field));
  }
}

Options read_options(const Napi::Value& value) {
  if (!value.IsObject()) bad("options", "an object");
  const auto object = value.As<Napi::Object>();
  Options options;
  options.dimension = static_cast<std::uint32_t>(read_count(object.Get("dimension"), "dimension", 65536));
  options.spaces = spaces_of(object.Get("spaces"));
  options.metric = metric_of(option_text(object, "metric"));
  options.vectors = option_text(object, "vectors") == "float16" ? VectorType::float16 : VectorType::float32;
  options.index.kind = kind_of(option_text(object, "indexType"));
  options.index.M = static_cast<std::uint32_t>(read_count(object.Get("M"), "index.M", 1024));
  options.index.ef_construction =
      static_cast<std::uint32_t>(read_count(object.Get("efConstruction"), "index.efConstruction", 1000000));
  options.quantization = quantization_of(option_text(object, "quantization"));
  options.rebuild_threshold =
      static_cast<std::uint32_t>(read_count(object.Get("rebuildThreshold"), "rebuildThreshold", 0xFFFFFFFFu));
  options.threads = static_cast<int>(read_count(object.Get("threads"), "threads", 1024));
  options.path = option_text(object, "path");
  options.durability = durability_of(option_text(object, "durability"));
  options.read_only = object.Get("readOnly").ToBoolean();
  options.background_check = object.Get("checkBlocks").ToBoolean();
  if (const Napi::Value hot = object.Get("hotMemory"); !hot.IsUndefined())
    options.hot_memory = read_count(hot, "hotMemory", std::uint64_t{1} << 53);
  options.open_metric = object.Get("openMetric").ToBoolean();
  options.open_vectors = object.Get("openVectors").ToBoolean();
  options.open_index = object.Get("openIndex").ToBoolean();
  read_texts(object.Get("textFields"), "textFields", options.text_fields);
  options.open_text_fields = object.Get("openTextFields").ToBoolean();
  options.open_M = object.Get("openM").ToBoolean();
  return options;
}

std::int64_t check_rows(const float* values, std::size_t n, std::size_t dimension, bool refuse_zero) noexcept {
  constexpr std::uint32_t kExponent = 0x7F800000u;
  for (std::size_t begin = 0; begin < n; begin += dimension) {
    const std::size_t end = std::min(n, begin + dimension);
    // No early exit inside a row, so that the loop becomes vector instructions.
    std::uint32_t special = 0;
    std::uint32_t magnitude = 0;
    for (std::size_t i = begin; i < end; ++i) {
      std::uint32_t bits;
      std::memcpy(&bits, values + i, sizeof bits);
      special |= static_cast<std::uint32_t>((bits & kExponent) == kExponent);
      magnitude |= bits << 1;
    }
    if (special != 0) {
      for (std::size_t i = begin; i < end; ++i) {
        if (!std::isfinite(values[i])) return static_cast<std::int64_t>(i);
      }
    }
    if (refuse_zero && magnitude == 0) return -2 - static_cast<std::int64_t>(begin / dimension);
  }
  return kRowsGood;
}

}  // namespace sagedb
