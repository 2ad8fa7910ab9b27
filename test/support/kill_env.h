// The operating system's files, and the death of the process (SIGKILL) at the n-th operation of a named point: before it, after it or, for
// writes, in its middle. A point is an operation and a part of a path, «append wal-», «rename CURRENT», «open»; «» is every operation.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/forwarding_env.h"

namespace sagedb::test {

class KillEnv final : public ForwardingEnv {
 public:
  enum class When { before, amid, after };
  // n = 0: never.
  KillEnv(Env& target, const std::string& point, std::uint64_t n, When when)
      : ForwardingEnv(target),
        operation_(point.substr(0, point.find(' '))),
        part_(point.find(' ') == std::string::npos ? std::string() : point.substr(point.find(' ') + 1)),
        n_(n),
        when_(when) {}

  std::unique_ptr<WritableFile> create(const std::string& path) override {
    return at("create", path, [&] { return std::make_unique<File>(*this, target_.create(path), path); });
  }
  std::unique_ptr<ReadableFile> open(const std::string& path) override {
    return at("open", path, [&] { return target_.open(path); });
  }
  std::shared_ptr<const Mapping> map(const std::string& path) override {
    return at("map", path, [&] { return target_.map(path); });
  }
  std::shared_ptr<const Mapping> map_parts(const std::vector<MapPart>& parts, std::uint64_t size) override {
    return at("map", parts.at(0).path, [&] { return target_.map_parts(parts, size); });
  }
  void rename(const std::string& from, const std::string& to) override {
    at("rename", to, [&] { target_.rename(from, to); });
  }
  void unlink(const std::string& path) override {
    at("unlink", path, [&] { target_.unlink(path); });
  }
  std::vector<std::string> list(const std::string& dir) override {
    return at("list", dir, [&] { return target_.list(dir); });
  }
  void make_dir(const std::string& path) override {
    at("mkdir", path, [&] { target_.make_dir(path); });
  }
  void sync_dir(const std::string& path) override {
    at("sync_dir", path, [&] { target_.sync_dir(path); });
  }

 private:
  class File final : public WritableFile {
   public:
    File(KillEnv& env, std::unique_ptr<WritableFile> target, std::string path)
        : env_(env), target_(std::move(target)), path_(std::move(path)) {}
    void append(const Bytes* pieces, std::size_t count) override {
      const bool due = env_.due("append", path_);
      if (due && env_.when_ == When::amid) {
        // The first half of the pieces and, of the next one, half of its bytes.
        target_->append(pieces, count / 2);
        target_->append(pieces[count / 2].data, pieces[count / 2].size / 2);
      }
      if (due && env_.when_ != When::after) die();
      target_->append(pieces, count);
      if (due) die();
    }
    void write_at(std::uint64_t offset, const void* data, std::size_t size) override {
      env_.at("write_at", path_, [&] { target_->write_at(offset, data, size); });
    }
    void trim(std::uint64_t size) override {
      env_.at("trim", path_, [&] { target_->trim(size); });
    }
    bool writes_in_place() const noexcept override { return true; }
    void start_sync() noexcept override { target_->start_sync(); }
    void sync() override {
      env_.at("sync", path_, [&] { target_->sync(); });
    }

   private:
    KillEnv& env_;
    const std::unique_ptr<WritableFile> target_;
    const std::string path_;
  };

  bool due(const char* operation, const std::string& path) {
    const bool named = operation_.empty() || (operation_ == operation && path.find(part_) != std::string::npos);
    return named && n_ != 0 && ++seen_ == n_;
  }
  template <typename Work>
  std::invoke_result_t<Work> at(const char* operation, const std::string& path, Work&& work) {
    const bool now = due(operation, path);
    if (now && when_ != When::after) die();
    struct Die {
      bool now;
      ~Die() {
        if (now) die();
      }
    } afterwards{now};
    return work();
  }
  [[noreturn]] static void die() {
    ::kill(::getpid(), SIGKILL);
    for (;;) ::pause();
  }

  const std::string operation_, part_;
  const std::uint64_t n_;
  const When when_;
  std::atomic<std::uint64_t> seen_{0};
};

}  // namespace sagedb::test
