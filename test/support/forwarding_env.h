// Another environment as it is: for tests that change a part of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/env.h"

namespace sagedb::test {

class ForwardingEnv : public Env {
 public:
  explicit ForwardingEnv(Env& target) : target_(target) {}

  std::unique_ptr<WritableFile> create(const std::string& path) override { return target_.create(path); }
  std::unique_ptr<ReadableFile> open(const std::string& path) override { return target_.open(path); }
  std::shared_ptr<const Mapping> map(const std::string& path) override { return target_.map(path); }
  std::shared_ptr<const Mapping> map_parts(const std::vector<MapPart>& parts, std::uint64_t size) override {
    return target_.map_parts(parts, size);
  }
  void rename(const std::string& from, const std::string& to) override { target_.rename(from, to); }
  void unlink(const std::string& path) override { target_.unlink(path); }
  bool exists(const std::string& path) override { return target_.exists(path); }
  std::vector<std::string> list(const std::string& dir) override { return target_.list(dir); }
  void make_dir(const std::string& path) override { target_.make_dir(path); }
  void sync_dir(const std::string& path) override { target_.sync_dir(path); }
  std::unique_ptr<FileLock> lock(const std::string& path) override { return target_.lock(path); }
  void link_or_copy(const std::string& from, const std::string& to) override { target_.link_or_copy(from, to); }
  std::byte* allocate_scratch(const std::string& dir, std::size_t bytes) override {
    return target_.allocate_scratch(dir, bytes);
  }
  bool map_in_place(const std::string& path, std::uint64_t offset, const std::byte* at,
                    std::size_t size) noexcept override {
    return target_.map_in_place(path, offset, at, size);
  }
  void random_bytes(void* out, std::size_t size) override { target_.random_bytes(out, size); }

 protected:
  Env& target_;
};

}  // namespace sagedb::test
