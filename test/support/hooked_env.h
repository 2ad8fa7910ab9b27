// Another environment with a hook before each of its operations: lets one opener of a folder act in the middle of another one's call.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/forwarding_env.h"

namespace sagedb::test {

class HookedEnv final : public ForwardingEnv {
 public:
  // `before` gets the number of the operation, from 1 on. Operations of the hook itself must use another environment.
  HookedEnv(Env& target, std::function<void(std::uint64_t)> before)
      : ForwardingEnv(target), before_(std::move(before)) {}

  std::uint64_t operations() const { return operations_; }

  std::unique_ptr<WritableFile> create(const std::string& path) override { return call().create(path); }
  std::unique_ptr<ReadableFile> open(const std::string& path) override { return call().open(path); }
  std::shared_ptr<const Mapping> map(const std::string& path) override { return call().map(path); }
  std::shared_ptr<const Mapping> map_parts(const std::vector<MapPart>& parts, std::uint64_t size) override {
    return call().map_parts(parts, size);
  }
  void rename(const std::string& from, const std::string& to) override { call().rename(from, to); }
  void unlink(const std::string& path) override { call().unlink(path); }
  bool exists(const std::string& path) override { return call().exists(path); }
  std::vector<std::string> list(const std::string& dir) override { return call().list(dir); }
  void make_dir(const std::string& path) override { call().make_dir(path); }
  void sync_dir(const std::string& path) override { call().sync_dir(path); }
  std::unique_ptr<FileLock> lock(const std::string& path) override { return call().lock(path); }
  void link_or_copy(const std::string& from, const std::string& to) override { call().link_or_copy(from, to); }
  std::byte* allocate_scratch(const std::string& dir, std::size_t bytes) override {
    return call().allocate_scratch(dir, bytes);
  }

 private:
  Env& call() {
    before_(++operations_);
    return target_;
  }

  const std::function<void(std::uint64_t)> before_;
  std::atomic<std::uint64_t> operations_{0};
};

}  // namespace sagedb::test
