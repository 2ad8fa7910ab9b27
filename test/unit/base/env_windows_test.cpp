// The file system of Windows behind Env.
#if defined(_WIN32)

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/env.h"
#include "base/status.h"
#include "support/env_checks.h"

namespace sagedb {
namespace {

namespace fs = std::filesystem;

class EnvWindows : public ::testing::Test {
 protected:
  void SetUp() override {
    // A name that no 8-bit code page of one country holds, and deeper than the 260 characters of old programs.
    dir_ = fs::temp_directory_path().u8string() + "\\sagedb-\xc3\xa4\xd0\xb6\xe2\x82\xac";
    fs::remove_all(L"\\\\?\\" + fs::u8path(dir_).wstring());
    dir_ += "/" + std::string(120, 'a') + "\\" + std::string(120, 'b');
    env_.make_dir(dir_);
  }
  void TearDown() override {
    for (const std::string& name : env_.list(dir_)) env_.unlink(join_path(dir_, name));
  }
  std::string path(const std::string& name) const { return join_path(dir_, name); }
  void put(const std::string& name, const std::string& text) {
    const auto file = env_.create(path(name));
    file->append(text.data(), text.size());
    file->sync();
  }
  std::string get(const std::string& name) {
    const auto file = env_.open(path(name));
    std::string out(file->size(), '\0');
    EXPECT_EQ(file->read_at(0, out.data(), out.size()), out.size());
    return out;
  }
  template <typename F>
  ErrorCode code_of(F&& f) {
    try {
      f();
    } catch (const Error& e) {
      EXPECT_NE(e.message().find(dir_), std::string::npos) << e.message();
      return e.code();
    }
    ADD_FAILURE() << "did not throw";
    return ErrorCode::INTERNAL;
  }

  Env& env_ = Env::real();
  std::string dir_;
};

// Property: pieces arrive in order, write_at() changes bytes in place and leaves the end alone.
TEST_F(EnvWindows, WritesInOrderAndInPlace) {
  {
    const auto file = env_.create(path("a"));
    const Bytes pieces[] = {{"one", 3}, {"", 0}, {"two", 3}};
    file->append(pieces, 3);
    file->write_at(1, "XY", 2);
    file->append("end", 3);
    file->sync();
  }
  EXPECT_EQ(get("a"), "oXYtwoend");
  const auto mapping = env_.map(path("a"));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(mapping->data()), mapping->size()), "oXYtwoend");
  const auto parts = env_.map_parts({{path("a"), 3, 0, 3}, {path("a"), 0, 5, 2}}, 8);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(parts->data()), 8), std::string("two\0\0oX\0", 8));
  char beyond[4];
  EXPECT_EQ(env_.open(path("a"))->read_at(7, beyond, 4), 2u);
  EXPECT_EQ(env_.open(path("a"))->read_at(9, beyond, 4), 0u);
}

// Property: append() goes on where it was, over what write_at() has put behind it; trim() cuts off what is left of that.
TEST_F(EnvWindows, GoesOnOverBytesBehindTheEnd) { test::check_bytes_behind_the_end(env_, path("a")); }

// Property: a file can be created anew and removed while somebody reads or has mapped it, who keeps the old bytes.
TEST_F(EnvWindows, ReadersKeepTheOldBytes) {
  put("a", "old");
  const auto reader = env_.open(path("a"));
  const auto mapping = env_.map(path("a"));
  env_.unlink(path("a"));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(mapping->data()), 3), "old");
  char bytes[3];
  EXPECT_EQ(reader->read_at(0, bytes, 3), 3u);
  EXPECT_EQ(std::string(bytes, 3), "old");
}

// Property: a rename over a file waits for those who read it (a reader of CURRENT holds it for microseconds).
TEST_F(EnvWindows, RenameWaitsForReaders) {
  put("a", "old");
  put("b", "new");
  auto reader = env_.open(path("a"));
  std::thread leaves([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    reader.reset();
  });
  env_.rename(path("b"), path("a"));
  leaves.join();
  EXPECT_EQ(get("a"), "new");
}

TEST_F(EnvWindows, ErrorsHaveCodesAndNameThePath) {
  EXPECT_EQ(code_of([&] { env_.open(path("none")); }), ErrorCode::NOT_FOUND);
  EXPECT_EQ(code_of([&] { env_.map(path("none")); }), ErrorCode::NOT_FOUND);
  EXPECT_EQ(code_of([&] { env_.rename(path("none"), path("x")); }), ErrorCode::NOT_FOUND);
  EXPECT_EQ(code_of([&] { env_.list(path("none")); }), ErrorCode::NOT_FOUND);
  put("file", "x");
  EXPECT_EQ(code_of([&] { env_.make_dir(path("file")); }), ErrorCode::INVALID_ARGUMENT);
  EXPECT_EQ(code_of([&] { env_.open(dir_); }), ErrorCode::IO_ERROR);
  EXPECT_NO_THROW(env_.make_dir(dir_));
}

TEST_F(EnvWindows, OneLockHolder) {
  auto lock = env_.lock(path("LOCK"));
  EXPECT_EQ(code_of([&] { env_.lock(path("LOCK")); }), ErrorCode::LOCKED);
  lock.reset();
  EXPECT_NO_THROW(env_.lock(path("LOCK")));
}

TEST_F(EnvWindows, LinksListsAndRandomBytes) {
  put("a", "one");
  env_.link_or_copy(path("a"), path("c"));
  env_.unlink(path("a"));
  EXPECT_EQ(get("c"), "one");
  EXPECT_EQ(env_.list(dir_), std::vector<std::string>{"c"});
  std::string first(16, '\0'), second(16, '\0');
  env_.random_bytes(first.data(), first.size());
  env_.random_bytes(second.data(), second.size());
  EXPECT_NE(first, second);
}

TEST(EnvWindowsPath, JoinAndParent) {
  EXPECT_EQ(join_path("C:\\a", "b"), "C:\\a/b");
  EXPECT_EQ(join_path("C:\\", "b"), "C:\\b");
  EXPECT_EQ(parent_path("C:\\a\\b"), "C:\\a");
  EXPECT_EQ(parent_path("C:\\a/b\\"), "C:\\a");
  EXPECT_EQ(parent_path("C:\\a"), "C:\\");
  EXPECT_EQ(parent_path("C:\\"), "C:\\");
  EXPECT_EQ(parent_path("a"), ".");
}

}  // namespace
}  // namespace sagedb

#endif  // _WIN32
