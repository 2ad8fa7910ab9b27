// Numbers as JSON writes them, whatever the process's locale is.
#pragma once

#include <string>
#include <string_view>

namespace sagedb {

// `text` is a whole JSON number. False when it is beyond a double.
bool parse_number(std::string_view text, double& out);

// Appends the shortest text that reads back as the same number.
void append_number(std::string& out, double number);

// The same where the C++ library has no std::from_chars and std::to_chars for double: libc++ before version 20, macOS before 13.3. Compiled
// everywhere but on Windows, so that the tests can compare.
#if !defined(_WIN32)
bool parse_number_fallback(std::string_view text, double& out);
void append_number_fallback(std::string& out, double number);
#endif

}  // namespace sagedb
