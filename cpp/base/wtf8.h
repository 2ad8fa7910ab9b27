// WTF-8: UTF-8 that may also carry lone surrogates, so that every JavaScript string survives. Surrogate pairs are always
// stored as one four-byte sequence, so equal strings have equal bytes.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sagedb {

// Appends one code point or lone surrogate; a low surrogate after a high one becomes the pair's code point.
void append_wtf8(std::string& out, std::uint32_t code_point);

// Reads one code point (or surrogate) at `at` and advances it. Returns false on malformed bytes (overlong, truncated, above
// U+10FFFF) and leaves `at` unchanged.
bool read_wtf8(std::string_view text, std::size_t& at, std::uint32_t& code_point) noexcept;

// -1, 0, 1 by UTF-16 code units: the order of `<` on JavaScript strings.
int compare_utf16(std::string_view a, std::string_view b) noexcept;

// The first four UTF-16 code units, big end first, zero-padded: different prefixes order as compare_utf16() does.
std::uint64_t utf16_prefix(std::string_view text) noexcept;

// The least string, by UTF-16 code units, that is greater than every string that begins with `prefix`. Empty: there is none.
std::string after_prefix(std::string_view prefix);

}  // namespace sagedb
