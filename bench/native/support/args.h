// --name value command lines. Unknown names and missing values end the program with a message.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace sagedb::bench {

class Args {
 public:
  // `known`: every accepted name with its default ("" = required when asked for).
  Args(int argc, char** argv, std::map<std::string, std::string> known, int first = 1) : values_(std::move(known)) {
    for (int i = first; i < argc; i += 2) {
      const std::string name = argv[i];
      if (name.rfind("--", 0) != 0 || values_.count(name.substr(2)) == 0) fail("unknown option " + name);
      if (i + 1 >= argc) fail(name + ": value missing");
      values_[name.substr(2)] = argv[i + 1];
    }
  }
  std::string text(const std::string& name) const {
    const std::string& value = values_.at(name);
    if (value.empty()) fail("--" + name + " is required");
    return value;
  }
  bool given(const std::string& name) const { return !values_.at(name).empty(); }
  std::size_t count(const std::string& name) const {
    const std::string value = text(name);
    char* end = nullptr;
    const unsigned long long n = std::strtoull(value.c_str(), &end, 10);
    if (*end != '\0') fail("--" + name + ": expected a whole number, got " + value);
    return n;
  }
  double number(const std::string& name) const {
    const std::string value = text(name);
    char* end = nullptr;
    const double n = std::strtod(value.c_str(), &end);
    if (*end != '\0') fail("--" + name + ": expected a number, got " + value);
    return n;
  }
  std::vector<std::string> list(const std::string& name) const {
    std::vector<std::string> parts;
    std::stringstream stream(text(name));
    for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
    return parts;
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    std::fprintf(stderr, "%s\noptions:", message.c_str());
    for (const auto& [name, value] : values_)
      std::fprintf(stderr, " --%s %s", name.c_str(), value.empty() ? "<value>" : value.c_str());
    std::fprintf(stderr, "\n");
    std::exit(2);
  }
  std::map<std::string, std::string> values_;
};

}  // namespace sagedb::bench
