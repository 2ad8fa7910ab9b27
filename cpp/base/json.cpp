#include "base/json.h"

#include <algorithm>
#include <numeric>

#include "base/number_text.h"
#include "base/wtf8.h"

namespace sagedb {
namespace {

class Parser {
 public:
  Parser(std::string_view text, ErrorCode code, const char* what) : text_(text), code_(code), what_(what) {}

  JsonValue document() {
    JsonValue value;
    skip_space();
    read_value(value, 0);
    skip_space();
    if (at_ != text_.size()) fail("unexpected text after the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const char* problem) const {
    throw Error(code_, std::string(what_) + ": " + problem + " at offset " + std::to_string(at_));
  }
  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  void skip_space() {
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) ++at_;
  }
  void expect(char c, const char* problem) {
    if (at_end() || text_[at_] != c) fail(problem);
    ++at_;
  }
  void word(std::string_view w) {
    if (text_.substr(at_, w.size()) != w) fail("unexpected character");
    at_ += w.size();
  }

  void read_value(JsonValue& out, int depth) {
    switch (peek()) {
      case '{':
        return read_object(out, depth + 1);
      case '[':
        return read_array(out, depth + 1);
      case '"':
        out.type = JsonValue::Type::string;
        return read_string(out.string);
      case 't':
        word("true");
        out.type = JsonValue::Type::boolean;
        out.boolean = true;
        return;
      case 'f':
        word("false");
        out.type = JsonValue::Type::boolean;
        return;
      case 'n':
        return word("null");
      default:
        out.type = JsonValue::Type::number;
        out.number = read_number();
    }
  }

  void read_array(JsonValue& out, int depth) {
    if (depth > kMaxJsonDepth) fail("nested deeper than 64 levels");
    out.type = JsonValue::Type::array;
    ++at_;
    skip_space();
    if (peek() == ']') {
      ++at_;
      return;
    }
    for (;;) {
      skip_space();
      read_value(out.items.emplace_back(), depth);
      skip_space();
      if (peek() == ',') {
        ++at_;
        continue;
      }
      return expect(']', "expected ',' or ']'");
    }
  }

  void read_object(JsonValue& out, int depth) {
    if (depth > kMaxJsonDepth) fail("nested deeper than 64 levels");
    out.type = JsonValue::Type::object;
    ++at_;
    skip_space();
    if (peek() == '}') {
      ++at_;
      return;
    }
    for (;;) {
      skip_space();
      if (peek() != '"') fail("expected a key");
      read_string(out.keys.emplace_back());
      skip_space();
      expect(':', "expected ':'");
      skip_space();
      read_value(out.items.emplace_back(), depth);
      skip_space();
      if (peek() == ',') {
        ++at_;
        continue;
      }
      expect('}', "expected ',' or '}'");
      return keep_last(out);
    }
  }

  // A repeated key keeps the place of its first and the value of its last occurrence.
  static void keep_last(JsonValue& object) {
    const std::size_t n = object.keys.size();
    if (n < 2) return;
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      const int c = object.keys[a].compare(object.keys[b]);
      return c != 0 ? c < 0 : a < b;
    });
    std::vector<bool> gone;
    for (std::size_t first = 0; first < n;) {
      std::size_t last = first;
      while (last + 1 < n && object.keys[order[last + 1]] == object.keys[order[first]]) ++last;
      if (last != first) {
        gone.resize(n);
        object.items[order[first]] = std::move(object.items[order[last]]);
        for (std::size_t i = first + 1; i <= last; ++i) gone[order[i]] = true;
      }
      first = last + 1;
    }
    if (gone.empty()) return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (gone[i]) continue;
      if (kept != i) {
        object.keys[kept] = std::move(object.keys[i]);
        object.items[kept] = std::move(object.items[i]);
      }
      ++kept;
    }
    object.keys.resize(kept);
    object.items.resize(kept);
  }

  double read_number() {
    const std::size_t begin = at_;
    if (peek() == '-') ++at_;
    const auto digits = [this] {
      const std::size_t from = at_;
      while (!at_end() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      return at_ - from;
    };
    const bool zero = peek() == '0';
    const std::size_t whole = digits();
    if (whole == 0) fail("unexpected character");
    if (zero && whole > 1) fail("a number may not begin with 0");
    if (peek() == '.') {
      ++at_;
      if (digits() == 0) fail("expected a digit");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (digits() == 0) fail("expected a digit");
    }
    double value = 0;
    if (!parse_number(text_.substr(begin, at_ - begin), value)) fail("number out of range");
    return value;
  }

  std::uint32_t hex4() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      std::uint32_t digit = 0;
      if (c >= '0' && c <= '9')
        digit = static_cast<std::uint32_t>(c - '0');
      else if (c >= 'a' && c <= 'f')
        digit = static_cast<std::uint32_t>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F')
        digit = static_cast<std::uint32_t>(c - 'A' + 10);
      else
        fail("expected four hexadecimal digits");
      value = value * 16 + digit;
    }
    return value;
  }

  void read_escape(std::string& out) {
    ++at_;
    const char c = peek();
    if (c == 'u') {
      ++at_;
      return append_wtf8(out, hex4());
    }
    static constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
    const std::size_t i = at_end() ? std::string_view::npos : kNames.find(c);
    if (i == std::string_view::npos) fail("unknown escape");
    out.push_back(kValues[i]);
    ++at_;
  }

  void read_string(std::string& out) {
    ++at_;
    for (;;) {
      std::size_t plain = at_;
      while (plain < text_.size() && text_[plain] != '"' && text_[plain] != '\\' &&
             static_cast<unsigned char>(text_[plain]) >= 0x20 && static_cast<unsigned char>(text_[plain]) < 0x80)
        ++plain;
      out.append(text_.substr(at_, plain - at_));
      at_ = plain;
      if (at_end()) fail("unterminated string");
      if (text_[at_] == '"') {
        ++at_;
        return;
      }
      if (text_[at_] == '\\') {
        read_escape(out);
        continue;
      }
      std::uint32_t c = 0;
      if (static_cast<unsigned char>(text_[at_]) < 0x20) fail("control character in a string");
      if (!read_wtf8(text_, at_, c)) fail("malformed UTF-8");
      append_wtf8(out, c);
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  ErrorCode code_;
  const char* what_;
};

void preview(const JsonValue& v, std::string& out, std::size_t limit) {
  if (out.size() > limit) return;
  switch (v.type) {
    case JsonValue::Type::null:
      out += "null";
      return;
    case JsonValue::Type::boolean:
      out += v.boolean ? "true" : "false";
      return;
    case JsonValue::Type::number:
      return append_number(out, v.number);
    case JsonValue::Type::string:
      out += '"';
      out += v.string.substr(0, limit);
      out += '"';
      return;
    case JsonValue::Type::array:
    case JsonValue::Type::object: {
      const bool object = v.type == JsonValue::Type::object;
      out += object ? '{' : '[';
      for (std::size_t i = 0; i < v.items.size() && out.size() <= limit; ++i) {
        if (i > 0) out += ", ";
        if (object) out += v.keys[i] + ": ";
        preview(v.items[i], out, limit);
      }
      out += object ? '}' : ']';
    }
  }
}

}  // namespace

const char* JsonValue::type_name() const noexcept {
  static constexpr const char* kNames[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
  return kNames[static_cast<int>(type)];
}

JsonValue parse_json(std::string_view text, ErrorCode code, const char* what) {
  return Parser(text, code, what).document();
}

std::string json_preview(const JsonValue& value, std::size_t limit) {
  std::string out;
  preview(value, out, limit);
  if (out.size() <= limit) return out;
  std::size_t cut = limit;  // not inside a multi-byte character
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xC0) == 0x80) --cut;
  return out.substr(0, cut) + "…";
}

}  // namespace sagedb
