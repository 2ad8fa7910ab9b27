// One measurement = one JSON object on one line of standard output; bench/run.ts collects them.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

namespace sagedb::bench {

class Report {
 public:
  Report& text(const char* key, const std::string& value) { return raw(key, "\"" + value + "\""); }
  Report& number(const char* key, double value) {
    char buffer[40];
    std::snprintf(buffer, sizeof buffer, "%.6g", std::isfinite(value) ? value : 0.0);
    return raw(key, buffer);
  }
  ~Report() {
    std::printf("{%s}\n", body_.c_str());
    std::fflush(stdout);
  }

 private:
  Report& raw(const char* key, const std::string& value) {
    body_ += (body_.empty() ? "\"" : ",\"") + std::string(key) + "\":" + value;
    return *this;
  }
  std::string body_;
};

}  // namespace sagedb::bench
