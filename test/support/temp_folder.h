// A folder of the real file system that goes with its test.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace sagedb::testing {

class TempFolder {
 public:
  TempFolder() {
    char name[] = "/tmp/sagedb-test-XXXXXX";
    if (::mkdtemp(name) == nullptr) throw std::runtime_error("no folder can be made in /tmp");
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace sagedb::testing
