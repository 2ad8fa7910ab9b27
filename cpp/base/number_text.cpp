#include "base/number_text.h"

#include <charconv>
#include <cmath>

#if !defined(_WIN32)
#include <locale.h>
#include <stdlib.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

#include <locale>
#include <sstream>
#endif

namespace sagedb {

// Defined by a library that has all of <charconv>. libc++ has to_chars for double earlier, but on macOS only for recent systems.
#if defined(__cpp_lib_to_chars)

bool parse_number(std::string_view text, double& out) {
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, out);
  return result.ec == std::errc() && result.ptr == end;
}

void append_number(std::string& out, double number) {
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

#else

bool parse_number(std::string_view text, double& out) { return parse_number_fallback(text, out); }
void append_number(std::string& out, double number) { append_number_fallback(out, number); }

#endif

#if !defined(_WIN32)

bool parse_number_fallback(std::string_view text, double& out) {
  // strtod() would take the decimal point from the process's locale.
  static const locale_t plain = ::newlocale(LC_ALL_MASK, "C", nullptr);
  if (plain == nullptr || text.empty()) return false;
  const std::string terminated(text);
  char* end = nullptr;
  out = ::strtod_l(terminated.c_str(), &end, plain);
  return end == terminated.c_str() + terminated.size() && std::isfinite(out);
}

void append_number_fallback(std::string& out, double number) {
  for (const int digits : {15, 16, 17}) {
    std::ostringstream text;
    text.imbue(std::locale::classic());
    text.precision(digits);
    text << number;
    double back = 0;
    if (digits < 17 && !(parse_number_fallback(text.str(), back) && back == number)) continue;
    out += text.str();
    return;
  }
}

#endif

}  // namespace sagedb
