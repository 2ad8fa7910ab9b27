// JavaScript strings are sequences of 16-bit units that need not pair up; WTF-8 keeps every one of them apart, so that two different
// ids never become one. Well-formed text is plain UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace sagedb {

std::string utf16_to_wtf8(std::u16string_view in);
// Input must come from utf16_to_wtf8 (malformed bytes become U+FFFD).
std::u16string wtf8_to_utf16(std::string_view in);
bool is_ascii(std::string_view text) noexcept;

}  // namespace sagedb
