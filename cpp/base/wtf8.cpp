#include "base/wtf8.h"

#include <algorithm>
#include <vector>

namespace sagedb {
namespace {

constexpr bool is_high(std::uint32_t c) { return c >= 0xD800 && c < 0xDC00; }
constexpr bool is_low(std::uint32_t c) { return c >= 0xDC00 && c < 0xE000; }

// The units of one code point; returns how many.
int to_units(std::uint32_t c, std::uint32_t out[2]) {
  if (c < 0x10000) {
    out[0] = c;
    return 1;
  }
  out[0] = 0xD800 + ((c - 0x10000) >> 10);
  out[1] = 0xDC00 + ((c - 0x10000) & 0x3FF);
  return 2;
}

// UTF-16 units of WTF-8 text, one at a time.
class Units {
 public:
  Units(std::string_view text, std::size_t at) : text_(text), at_(at) {}
  bool next(std::uint32_t& unit) noexcept {
    if (pending_ != 0) {
      unit = pending_;
      pending_ = 0;
      return true;
    }
    if (at_ >= text_.size()) return false;
    std::uint32_t c = 0;
    if (!read_wtf8(text_, at_, c)) c = static_cast<unsigned char>(text_[at_++]);  // foreign bytes still get some order
    std::uint32_t units[2];
    if (to_units(c, units) == 2) pending_ = units[1];
    unit = units[0];
    return true;
  }

 private:
  std::string_view text_;
  std::size_t at_;
  std::uint32_t pending_ = 0;
};

void append_bytes(std::string& out, std::uint32_t c) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

}  // namespace

void append_wtf8(std::string& out, std::uint32_t code_point) {
  if (is_low(code_point) && out.size() >= 3) {
    std::size_t at = out.size() - 3;
    std::uint32_t before = 0;
    if (static_cast<unsigned char>(out[at]) == 0xED && read_wtf8(out, at, before) && is_high(before)) {
      out.resize(out.size() - 3);
      code_point = 0x10000 + ((before - 0xD800) << 10) + (code_point - 0xDC00);
    }
  }
  append_bytes(out, code_point);
}

bool read_wtf8(std::string_view text, std::size_t& at, std::uint32_t& code_point) noexcept {
  const auto byte = [&](std::size_t i) -> std::uint32_t { return static_cast<unsigned char>(text[i]); };
  if (at >= text.size()) return false;
  const std::uint32_t lead = byte(at);
  if (lead < 0x80) {
    code_point = lead;
    ++at;
    return true;
  }
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) return false;
  std::uint32_t c = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const std::uint32_t b = byte(at + i);
    if ((b & 0xC0) != 0x80) return false;
    c = (c << 6) | (b & 0x3F);
  }
  if ((length == 3 && c < 0x800) || (length == 4 && (c < 0x10000 || c > 0x10FFFF))) return false;
  code_point = c;
  at += length;
  return true;
}

int compare_utf16(std::string_view a, std::string_view b) noexcept {
  const std::size_t common = std::min(a.size(), b.size());
  std::size_t i = static_cast<std::size_t>(std::mismatch(a.begin(), a.begin() + common, b.begin()).first - a.begin());
  if (i == a.size() && i == b.size()) return 0;
  const auto byte = [](std::string_view s, std::size_t at) { return static_cast<unsigned char>(s[at]); };
  if (i < common && byte(a, i) < 0x80 && byte(b, i) < 0x80) return byte(a, i) < byte(b, i) ? -1 : 1;
  // Back to the start of the sequence that differs.
  while (i > 0 && ((i < a.size() && (byte(a, i) & 0xC0) == 0x80) || (i < b.size() && (byte(b, i) & 0xC0) == 0x80))) --i;
  Units left(a, i), right(b, i);
  for (;;) {
    std::uint32_t x = 0, y = 0;
    const bool more_left = left.next(x), more_right = right.next(y);
    if (!more_left || !more_right) return more_left ? 1 : more_right ? -1 : 0;
    if (x != y) return x < y ? -1 : 1;
  }
}

std::uint64_t utf16_prefix(std::string_view text) noexcept {
  Units units(text, 0);
  std::uint64_t prefix = 0;
  for (int i = 0; i < 4; ++i) {
    std::uint32_t unit = 0;
    prefix = (prefix << 16) | (units.next(unit) ? unit : 0);
  }
  return prefix;
}

std::string after_prefix(std::string_view prefix) {
  std::vector<std::uint32_t> units;
  Units reader(prefix, 0);
  for (std::uint32_t unit = 0; reader.next(unit);) units.push_back(unit);
  while (!units.empty() && units.back() == 0xFFFF) units.pop_back();
  std::string out;
  if (units.empty()) return out;
  ++units.back();
  for (const std::uint32_t unit : units) append_wtf8(out, unit);
  return out;
}

}  // namespace sagedb
