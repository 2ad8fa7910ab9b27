// The real file system behind Env.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <new>

#include "base/env.h"
#include "base/status.h"
#include "support/env_checks.h"
#include "support/failing_new.h"
#include "support/temp_folder.h"

#if defined(__linux__)
#include <sys/syscall.h>

namespace {
thread_local std::vector<std::string>* synced = nullptr;
}

// In the place of the C library's: notes what is synced.
extern "C" int fsync(int fd) {
  if (synced != nullptr) {
    char target[4096];
    const ssize_t n = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), target, sizeof target);
    if (n > 0) synced->emplace_back(target, static_cast<std::size_t>(n));
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
#endif

namespace sagedb {
namespace {

class EnvPosix : public ::testing::Test {
 protected:
  void TearDown() override { ::chmod(dir_.c_str(), 0755); }
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
  const testing::TempFolder temp_;
  const std::string dir_ = temp_.path();
};

// Property: pieces arrive in order, write_at() changes bytes in place and leaves the end alone.
TEST_F(EnvPosix, WritesInOrderAndInPlace) {
  {
    const auto file = env_.create(path("a"));
    std::vector<std::string> texts;
    for (int i = 0; i < 200; ++i)
      texts.push_back(std::string(static_cast<std::size_t>(i % 5), static_cast<char>('a' + i % 26)));
    std::vector<Bytes> pieces;
    std::string all;
    for (const std::string& t : texts) {
      pieces.push_back(Bytes{t.data(), t.size()});
      all += t;
    }
    file->append(pieces.data(), pieces.size());
    file->write_at(3, "XYZ", 3);
    file->append("end", 3);
    file->sync();
    all.replace(3, 3, "XYZ");
    EXPECT_EQ(get("a"), all + "end");
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(env_.map(path("a"))->data()), all.size() + 3), all + "end");
  }
  put("a", "new");
  EXPECT_EQ(get("a"), "new");
}

// Property: append() goes on where it was, over what write_at() has put behind it; trim() cuts off what is left of that.
TEST_F(EnvPosix, GoesOnOverBytesBehindTheEnd) { test::check_bytes_behind_the_end(env_, path("a")); }

// Property: more bytes and pieces than one system call takes, of any length, arrive in order.
TEST_F(EnvPosix, WritesLargeAppendsInSteps) {
  std::string bytes(std::size_t{5} << 20, ' ');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  std::vector<Bytes> pieces;
  for (std::size_t at = 0, i = 0; at < bytes.size(); ++i) {
    const std::size_t n = std::min(i == 600 ? std::size_t{3} << 20 : i % 1000, bytes.size() - at);
    pieces.push_back(Bytes{bytes.data() + at, n});
    at += n;
  }
  ASSERT_GT(pieces.size(), 2048u);
  const auto file = env_.create(path("a"));
  file->append(pieces.data(), pieces.size());
  file->sync();
  EXPECT_TRUE(get("a") == bytes);
}

#if defined(__linux__)
// Property: will_read() brings the bytes into the system's cache, and only a hint is lost where it cannot.
TEST_F(EnvPosix, ReadsAhead) {
  env_.will_read(path("none"), 0, 100);
  const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  put("a", std::string(64 * page, 'x'));
  const int fd = ::open(path("a").c_str(), O_RDONLY);
  void* const map = ::mmap(nullptr, 64 * page, PROT_READ, MAP_SHARED, fd, 0);
  ASSERT_NE(map, MAP_FAILED);
  const auto cached = [&](std::size_t at) {
    unsigned char there = 0;
    ::mincore(static_cast<char*>(map) + at * page, page, &there);
    return (there & 1) != 0;
  };
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  if (cached(0) || cached(50)) {
    std::printf("[ SKIPPED  ] this file system keeps its pages\n");
  } else {
    env_.will_read(path("a"), 50 * page, 2 * page);
    for (int wait = 0; wait < 1000 && !(cached(50) && cached(51)); ++wait) ::usleep(2000);
    EXPECT_TRUE(cached(50) && cached(51));
    EXPECT_FALSE(cached(0));
  }
  ::munmap(map, 64 * page);
  ::close(fd);
}
#endif

#if defined(__linux__)
// Property: the name of a new folder is on disk, and that of the folder above it: who made that one may have been killed before it could sync.
TEST_F(EnvPosix, NewFoldersHaveNamesOnDisk) {
  std::vector<std::string> names;
  synced = &names;
  env_.make_dir(path("a"));
  EXPECT_EQ(names, (std::vector<std::string>{dir_, "/tmp"}));
  names.clear();
  env_.make_dir(path("a/b/c"));
  synced = nullptr;
  for (const std::string& parent : {dir_, path("a"), path("a/b")})
    EXPECT_TRUE(std::count(names.begin(), names.end(), parent) > 0) << parent;
  ::rmdir(path("a/b/c").c_str());
  ::rmdir(path("a/b").c_str());
}

// Property: a file system without syncs of folders is no obstacle.
TEST_F(EnvPosix, FoldersThatCannotBeSynced) {
  const int fd = ::open("/proc", O_RDONLY | O_DIRECTORY);
  const bool can_sync = fd < 0 || ::fsync(fd) == 0 || errno != EINVAL;
  if (fd >= 0) ::close(fd);
  if (can_sync) GTEST_SKIP() << "/proc can be synced here";
  EXPECT_NO_THROW(env_.sync_dir("/proc"));
}
#endif

TEST_F(EnvPosix, ErrorsHaveCodesAndNameThePath) {
  EXPECT_EQ(code_of([&] { env_.open(path("none")); }), ErrorCode::NOT_FOUND);
  EXPECT_EQ(code_of([&] { env_.map(path("none")); }), ErrorCode::NOT_FOUND);
  EXPECT_EQ(code_of([&] { env_.rename(path("none"), path("x")); }), ErrorCode::NOT_FOUND);
  EXPECT_EQ(code_of([&] { env_.list(path("none")); }), ErrorCode::NOT_FOUND);
  put("file", "x");
  EXPECT_EQ(code_of([&] { env_.make_dir(path("file")); }), ErrorCode::INVALID_ARGUMENT);
  EXPECT_EQ(code_of([&] { env_.open(dir_); }), ErrorCode::IO_ERROR);
  EXPECT_FALSE(env_.exists(path("none")));
  EXPECT_TRUE(env_.exists(path("file")));
  if (::geteuid() == 0) {
    std::printf("[ SKIPPED  ] permission checks: running as root\n");
    return;
  }
  ::chmod(dir_.c_str(), 0555);
  EXPECT_EQ(code_of([&] { env_.create(path("denied")); }), ErrorCode::PERMISSION_DENIED);
}

// Nobody writes to this pipe: who opened it as a file is would wait for ever.
TEST_F(EnvPosix, APipeIsNoFile) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0644), 0);
  EXPECT_EQ(code_of([&] { env_.open(path("pipe")); }), ErrorCode::IO_ERROR);
  EXPECT_EQ(code_of([&] { env_.map(path("pipe")); }), ErrorCode::IO_ERROR);
  env_.will_read(path("pipe"), 0, 4096);
}

// Property: a lock knows that its file was removed or replaced.
TEST_F(EnvPosix, ALockKnowsItsPlace) {
  const auto lock = env_.lock(path("LOCK"));
  EXPECT_TRUE(lock->in_place());
  env_.rename(path("LOCK"), path("elsewhere"));
  EXPECT_FALSE(lock->in_place());
  put("LOCK", "");
  EXPECT_FALSE(lock->in_place());
  env_.rename(path("elsewhere"), path("LOCK"));
  EXPECT_TRUE(lock->in_place());
}

// Property: whichever allocation fails, no descriptor stays open.
TEST_F(EnvPosix, NothingStaysOpenWithoutMemory) {
  put("a", "bytes");
  const auto open_descriptors = [] {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return count;
  };
  const auto sweep = [&](const char* what, const std::function<void()>& call) {
    const int before = open_descriptors();
    long n = 1;
    for (bool failed = true; failed && n < 1000; ++n) {
      testing::fail_allocation_after(n, testing::Exhaustion::passing);
      try {
        call();
      } catch (const std::bad_alloc&) {
      }
      failed = testing::allocation_failed();
      testing::fail_allocation_after(0);
      ASSERT_EQ(open_descriptors(), before) << what << ", allocation " << n;
    }
    EXPECT_GT(n, 2) << what << " allocates nothing any more: this test tests nothing";
    EXPECT_LT(n, 1000) << what;
  };
  sweep("create", [&] { env_.create(path("b")); });
  sweep("open", [&] { env_.open(path("a")); });
  sweep("map", [&] { env_.map(path("a")); });
  sweep("map_parts", [&] { env_.map_parts({{path("a"), 1, 0, 3}}, 3); });
  sweep("list", [&] { env_.list(dir_); });
  sweep("lock", [&] { env_.lock(path("LOCK")); });
#if defined(__linux__)
  // Nothing can be linked out of there, so it is copied.
  sweep("link_or_copy", [&] {
    ::unlink(path("c").c_str());
    env_.link_or_copy("/proc/version", path("c"));
  });
#endif
}

// Property: a full disk is DISK_FULL, not a general failure.
TEST_F(EnvPosix, FullDeviceIsDiskFull) {
  const pid_t child = ::fork();
  if (child == 0) {
    // RLIMIT_FSIZE gives EFBIG where no small file system can be mounted.
    std::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit {
      4096, 4096
    };
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      const auto file = env_.create(path("big"));
      const std::string data(10000, 'x');
      file->append(data.data(), data.size());
    } catch (const Error& e) {
      ::_exit(e.code() == ErrorCode::DISK_FULL ? 0 : 1);
    }
    ::_exit(2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(EnvPosix, RenameReplacesLinkSharesUnlinkRemoves) {
  put("a", "one");
  put("b", "two");
  env_.link_or_copy(path("a"), path("c"));
  env_.rename(path("a"), path("b"));
  env_.sync_dir(dir_);
  EXPECT_EQ(get("b"), "one");
  EXPECT_EQ(get("c"), "one");
  EXPECT_FALSE(env_.exists(path("a")));
  env_.unlink(path("b"));
  EXPECT_EQ(get("c"), "one");
  EXPECT_EQ(env_.list(dir_), std::vector<std::string>{"c"});
}

// Property: one holder, in this process and across processes; released by its destructor and by the death of the holder.
TEST_F(EnvPosix, OneLockHolder) {
  auto lock = env_.lock(path("LOCK"));
  EXPECT_EQ(code_of([&] { env_.lock(path("LOCK")); }), ErrorCode::LOCKED);
  ASSERT_EQ(::symlink(dir_.c_str(), (dir_ + "/alias").c_str()), 0);
  EXPECT_EQ(code_of([&] { env_.lock(path("alias/LOCK")); }), ErrorCode::LOCKED) << "another name of the same file";
  const auto in_child = [&] {
    const pid_t child = ::fork();
    if (child == 0) {
      // The table of the parent came along with fork(); a fresh program would not have it, so only flock() may answer here.
      ::execl("/bin/sh", "sh", "-c", ("exec flock -n '" + path("LOCK") + "' true").c_str(), nullptr);
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  const int held = in_child();
  if (held == 127) GTEST_SKIP() << "no flock(1)";
  EXPECT_EQ(held, 1);
  lock.reset();
  EXPECT_EQ(in_child(), 0);
  EXPECT_NO_THROW(env_.lock(path("LOCK")));
}

TEST(EnvPath, JoinAndParent) {
  EXPECT_EQ(join_path("/a/b", "c"), "/a/b/c");
  EXPECT_EQ(join_path("/a/b/", "c"), "/a/b/c");
  EXPECT_EQ(parent_path("/a/b"), "/a");
  EXPECT_EQ(parent_path("/a/b/"), "/a");
  EXPECT_EQ(parent_path("/a"), "/");
  EXPECT_EQ(parent_path("/"), "/");
  EXPECT_EQ(parent_path("a"), ".");
}

}  // namespace
}  // namespace sagedb
