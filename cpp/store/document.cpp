#include "store/document.h"

#include <algorithm>
#include <numeric>

namespace sagedb {
namespace {

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_string(std::string& out, const std::string& s) {
  put(out, static_cast<std::uint32_t>(s.size()));
  out += s;
}

void patch_u32(std::string& out, std::size_t at, std::size_t value) {
  const auto v = static_cast<std::uint32_t>(value);
  std::memcpy(&out[at], &v, sizeof v);
}

void encode_object(const JsonValue& value, std::string& out) {
  const std::size_t n = value.items.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return value.keys[a] < value.keys[b]; });
  const std::size_t offsets = out.size();
  out.append(4 * n, '\0');
  for (std::size_t i = 0; i < n; ++i) {
    patch_u32(out, offsets + 4 * i, out.size() - offsets);
    put_string(out, value.keys[order[i]]);
    encode_value(value.items[order[i]], out);
  }
}

}  // namespace

ScalarKey number_key(double number) noexcept {
  std::uint64_t bits;
  if (number == 0) number = 0;  // -0 equals 0
  std::memcpy(&bits, &number, sizeof bits);
  return (bits >> 63) != 0 ? ~bits : bits | (std::uint64_t{1} << 63);
}

ScalarKey ValueRef::scalar_key() const noexcept {
  return tag() == ValueTag::number ? number_key(number()) : static_cast<ScalarKey>(tag());
}

std::string_view ValueRef::key(std::uint32_t i) const noexcept { return string_of_body(field(i)); }

ValueRef ValueRef::value(std::uint32_t i) const noexcept {
  const char* at = field(i);
  return ValueRef(at + 4 + load<std::uint32_t>(at));
}

ValueRef ValueRef::get(std::string_view wanted) const noexcept {
  std::uint32_t low = 0, high = count();
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    const int c = key(middle).compare(wanted);
    if (c == 0) return value(middle);
    if (c < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return {};
}

std::size_t ValueRef::size() const noexcept {
  switch (tag()) {
    case ValueTag::number:
      return 9;
    case ValueTag::string:
      return 5 + static_cast<std::size_t>(load<std::uint32_t>(p_ + 1));
    case ValueTag::array:
    case ValueTag::object:
      return 9 + static_cast<std::size_t>(load<std::uint32_t>(p_ + 1));
    default:
      return 1;
  }
}

void encode_value(const JsonValue& value, std::string& out) {
  const auto tagged = [&out](ValueTag tag) { out.push_back(static_cast<char>(tag)); };
  switch (value.type) {
    case JsonValue::Type::null:
      return tagged(ValueTag::null);
    case JsonValue::Type::boolean:
      return tagged(value.boolean ? ValueTag::yes : ValueTag::no);
    case JsonValue::Type::number:
      tagged(ValueTag::number);
      return put(out, value.number == 0 ? 0.0 : value.number);
    case JsonValue::Type::string:
      tagged(ValueTag::string);
      return put_string(out, value.string);
    case JsonValue::Type::array:
    case JsonValue::Type::object: {
      const bool object = value.type == JsonValue::Type::object;
      tagged(object ? ValueTag::object : ValueTag::array);
      const std::size_t size_at = out.size();
      put(out, std::uint32_t{0});
      put(out, static_cast<std::uint32_t>(value.items.size()));
      if (object)
        encode_object(value, out);
      else
        for (const JsonValue& item : value.items) encode_value(item, out);
      patch_u32(out, size_at, out.size() - size_at - 8);
    }
  }
}

ValueRef resolve_path(ValueRef object, std::string_view path) noexcept {
  for (;;) {
    const ValueRef whole = object.get(path);
    if (!whole.missing()) return whole;
    const std::size_t dot = path.find('.');
    if (dot == std::string_view::npos) return {};
    object = object.get(path.substr(0, dot));
    if (!object.is_object()) return {};
    path.remove_prefix(dot + 1);
  }
}

}  // namespace sagedb
