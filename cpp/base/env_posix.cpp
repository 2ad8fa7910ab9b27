// The operating system's files on Linux, macOS and other Unix systems.
#if !defined(_WIN32)

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>
#include <system_error>
#include <utility>

#if defined(__linux__)
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#endif

#include "base/env.h"
#include "base/memory.h"
#include "base/mutex.h"
#include "base/resident.h"
#include "base/status.h"

namespace sagedb {
namespace {

ErrorCode code_of(int err) noexcept {
  switch (err) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorCode::PERMISSION_DENIED;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return ErrorCode::DISK_FULL;
    case ENOMEM:
      return ErrorCode::OUT_OF_MEMORY;
    case EWOULDBLOCK:
      return ErrorCode::LOCKED;
    default:
      return ErrorCode::IO_ERROR;
  }
}

[[noreturn]] void fail(const char* operation, const std::string& path, int err = errno) {
  throw Error(code_of(err), std::string(operation) + " " + path + ": " + std::generic_category().message(err));
}

class Fd {
 public:
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd& operator=(Fd&&) = delete;
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

// Owned from here on: the allocation of what shall hold it may fail.
Fd open_file(const char* operation, const std::string& path, int flags) {
  // A pipe, which is refused below, would keep its opener waiting.
  int fd;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC | ((flags & O_ACCMODE) == O_RDONLY ? O_NONBLOCK : 0), 0644);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) fail(operation, path);
  return Fd(fd);
}

// Not retried on EINTR or EIO: a failed sync may have dropped the dirty pages.
void sync_fd(int fd, const std::string& path) {
#if defined(__APPLE__)
  // fsync() alone leaves the bytes in the drive's cache on macOS.
  if (::fcntl(fd, F_FULLFSYNC) == 0) return;
  if (::fsync(fd) != 0) fail("sync", path);
#else
  if (::fdatasync(fd) != 0) fail("sync", path);
#endif
}

void sync_folder(int fd, const std::string& path) {
#if defined(__APPLE__)
  sync_fd(fd, path);
#else
  // EINVAL: a file system that has no such thing (squashfs, some in user space); its names are as durable as it makes them.
  if (::fsync(fd) != 0 && errno != EINVAL) fail("sync", path);
#endif
}

// File systems that copy on write move every block anyway; in memory and over a network there is nothing to gain.
bool in_place(int fd) noexcept {
#if defined(__linux__)
  constexpr std::uint32_t kExt = 0xef53, kXfs = 0x58465342, kOverlay = 0x794c7630;
  struct statfs fs;
  if (::fstatfs(fd, &fs) != 0) return false;
  const auto type = static_cast<std::uint32_t>(fs.f_type);
  return type == kExt || type == kXfs || type == kOverlay;
#else
  static_cast<void>(fd);
  return false;
#endif
}

constexpr std::size_t kWriteBackStep = std::size_t{1} << 20;
constexpr std::size_t kMaxPieces = 512;  // of one system call; the limit is 1,024 on Linux, macOS and the BSDs

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  void append(const Bytes* pieces, std::size_t count) override {
    std::vector<iovec> io;
    for (std::size_t i = 0; i < count; ++i) {
      // In steps, so that the disk is at work on the first while the next is copied.
      auto* p = static_cast<char*>(const_cast<void*>(pieces[i].data));
      for (std::size_t left = pieces[i].size; left > 0;) {
        const std::size_t n = std::min(left, kWriteBackStep);
        io.push_back(iovec{p, n});
        p += n;
        left -= n;
      }
    }
    for (std::size_t at = 0; at < io.size();) {
      std::size_t n = 0, end = at;
      while (end < io.size() && end - at < kMaxPieces && n + io[end].iov_len <= kWriteBackStep) n += io[end++].iov_len;
      write_all(&io[at], end - at);
      end_ += n;
      if (end_ - handed_over_ >= kWriteBackStep) start_write_back();
      at = end;
    }
  }

  void write_at(std::uint64_t offset, const void* data, std::size_t size) override {
    const char* p = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t n = ::pwrite(fd_.get(), p, size, static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) fail("write", path_, n < 0 ? errno : EIO);
      p += n;
      offset += static_cast<std::uint64_t>(n);
      size -= static_cast<std::size_t>(n);
    }
  }

  void trim(std::uint64_t size) override {
    int result;
    do {
      result = ::ftruncate(fd_.get(), static_cast<off_t>(size));
    } while (result != 0 && errno == EINTR);
    if (result != 0 || ::lseek(fd_.get(), static_cast<off_t>(size), SEEK_SET) < 0) fail("truncate", path_);
    end_ = size;
  }

  bool writes_in_place() const noexcept override { return in_place(fd_.get()); }

  void start_sync() noexcept override { start_write_back(); }

  void sync() override { sync_fd(fd_.get(), path_); }

 private:
  void write_all(iovec* io, std::size_t count) {
    for (std::size_t at = 0; at < count;) {
      const ssize_t n = ::writev(fd_.get(), io + at, static_cast<int>(count - at));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) fail("write", path_, n < 0 ? errno : EIO);
      std::size_t done = static_cast<std::size_t>(n);
      while (at < count && done >= io[at].iov_len) done -= io[at++].iov_len;
      if (at == count) return;
      io[at].iov_base = static_cast<char*>(io[at].iov_base) + done;
      io[at].iov_len -= done;
    }
  }

  // A hint: whether the pages reached the disk is what sync() reports.
  void start_write_back() noexcept {
#if defined(__linux__)
    ::sync_file_range(fd_.get(), static_cast<off_t>(handed_over_), static_cast<off_t>(end_ - handed_over_),
                      SYNC_FILE_RANGE_WRITE);
#endif
    handed_over_ = end_;
  }

  const Fd fd_;
  const std::string path_;
  std::uint64_t end_ = 0;
  std::uint64_t handed_over_ = 0;  // the system was asked to begin to write up to here
};

std::uint64_t size_of(int fd, const std::string& path) {
  struct stat st;
  if (::fstat(fd, &st) != 0) fail("stat", path);
  if (!S_ISREG(st.st_mode)) throw Error(ErrorCode::IO_ERROR, path + " is not a regular file");
  return static_cast<std::uint64_t>(st.st_size);
}

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(Fd fd, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)), size_(size_of(fd_.get(), path_)) {}
  std::uint64_t size() const override { return size_; }
  std::size_t read_at(std::uint64_t offset, void* out, std::size_t size) const override {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t n =
          ::pread(fd_.get(), static_cast<char*>(out) + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("read", path_);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

 private:
  const Fd fd_;
  const std::string path_;
  const std::uint64_t size_;
};

class PosixMapping final : public Mapping {
 public:
  explicit PosixMapping(const std::string& path) {
    const Fd fd(open_file("open", path, O_RDONLY));
    size_ = size_of(fd.get(), path);
    if (size_ == 0) return;
    void* p = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (p == MAP_FAILED) fail("map", path);
    data_ = static_cast<const std::byte*>(p);
  }
  ~PosixMapping() override {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  }
};

// One reservation of addresses into which the parts are mapped.
class PosixPartsMapping final : public Mapping {
 public:
  PosixPartsMapping(const std::vector<MapPart>& parts, std::uint64_t size) {
    size_ = static_cast<std::size_t>(size);
    if (size_ == 0) return;
    const std::uint64_t page = page_size();
    bool aligned = true;
    for (const MapPart& part : parts) aligned = aligned && part.offset % page == 0 && part.at % page == 0;
    const int protection = aligned ? PROT_NONE : PROT_READ | PROT_WRITE;
    void* p = ::mmap(nullptr, size_, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) fail("map", parts.front().path);
    data_ = static_cast<const std::byte*>(p);
    try {
      for (const MapPart& part : parts) {
        if (part.at > size || part.size > size - part.at)
          throw Error(ErrorCode::INTERNAL, "a part lies outside of its mapping");
        aligned ? map(part) : read(part);
      }
    } catch (...) {
      ::munmap(p, size_);
      throw;
    }
  }
  ~PosixPartsMapping() override {
    if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  }

 private:
  std::byte* place(const MapPart& part) const noexcept { return const_cast<std::byte*>(data_) + part.at; }
  void map(const MapPart& part) {
    if (part.size == 0) return;
    const Fd fd(open_file("open", part.path, O_RDONLY));
    if (::mmap(place(part), part.size, PROT_READ, MAP_SHARED | MAP_FIXED, fd.get(), static_cast<off_t>(part.offset)) ==
        MAP_FAILED)
      fail("map", part.path);
  }
  void read(const MapPart& part) {
    const PosixReadableFile file(open_file("open", part.path, O_RDONLY), part.path);
    if (file.read_at(part.offset, place(part), part.size) != part.size) fail("read", part.path, EIO);
  }
};

// flock() locks belong to the open file description, so a second open in this process would conflict, too; but a child that
// inherited the descriptor would share the lock, and some network file systems turn flock() into process-wide fcntl()
// locks. The table makes the rule hold inside the process whatever the file system does.
class LockTable {
 public:
  using Key = std::pair<dev_t, ino_t>;
  bool insert(Key key) {
    MutexLock lock(mutex_);
    return held_.insert(key).second;
  }
  void erase(Key key) {
    MutexLock lock(mutex_);
    held_.erase(key);
  }
  static LockTable& instance() {
    static LockTable* table = new LockTable;  // never destroyed: locks may be released by static destructors
    return *table;
  }

 private:
  Mutex mutex_{"lock_table"};
  std::set<Key> held_ GUARDED_BY(mutex_);
};

class PosixFileLock final : public FileLock {
 public:
  PosixFileLock(Fd fd, const std::string& path) : fd_(std::move(fd)), path_(path) {
    struct stat st;
    if (::fstat(fd_.get(), &st) != 0) fail("stat", path);
    key_ = {st.st_dev, st.st_ino};
    if (!LockTable::instance().insert(key_))
      throw Error(ErrorCode::LOCKED, path + " is held by another open database of this process");
    if (::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0) return;
    const int err = errno;
    LockTable::instance().erase(key_);
    if (err == EWOULDBLOCK) throw Error(ErrorCode::LOCKED, path + " is held by another process");
    fail("lock", path, err);
  }
  ~PosixFileLock() override {
    ::flock(fd_.get(), LOCK_UN);
    LockTable::instance().erase(key_);
  }
  bool in_place() const noexcept override {
    struct stat st;
    if (::stat(path_.c_str(), &st) == 0) return LockTable::Key{st.st_dev, st.st_ino} == key_;
    return errno != ENOENT && errno != ENOTDIR;
  }

 private:
  const Fd fd_;
  const std::string path_;
  LockTable::Key key_;
};

class PosixEnv final : public Env {
 public:
  std::unique_ptr<WritableFile> create(const std::string& path) override {
    // A fresh inode: whoever still reads a file of this name keeps the old bytes.
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail("create", path);
    return std::make_unique<PosixWritableFile>(open_file("create", path, O_WRONLY | O_CREAT | O_EXCL), path);
  }
  std::unique_ptr<ReadableFile> open(const std::string& path) override {
    return std::make_unique<PosixReadableFile>(open_file("open", path, O_RDONLY), path);
  }
  std::shared_ptr<const Mapping> map(const std::string& path) override { return std::make_shared<PosixMapping>(path); }
  std::shared_ptr<const Mapping> map_parts(const std::vector<MapPart>& parts, std::uint64_t size) override {
    return std::make_shared<PosixPartsMapping>(parts, size);
  }
#if defined(POSIX_FADV_WILLNEED)
  void will_read(const std::string& path, std::uint64_t offset, std::uint64_t size) noexcept override {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (fd.get() >= 0)
      ::posix_fadvise(fd.get(), static_cast<off_t>(offset), static_cast<off_t>(size), POSIX_FADV_WILLNEED);
  }
#endif
#if defined(__linux__)
  std::byte* allocate_scratch(const std::string& dir, std::size_t bytes) override {
    // What cannot be exchanged for a segment later would keep its space.
    if (page_size() != kFilePage) return nullptr;
    const Fd fd(nameless_file(dir));
    const std::size_t whole = bytes / kFilePage * kFilePage;
    // Without its space a page that is written would be a signal once the disk is full. In pieces: a signal undoes one.
    for (std::size_t at = 0; at < whole;) {
      const std::size_t n = std::min(whole - at, std::size_t{256} << 20);
      const bool taken = ::fallocate(fd.get(), 0, static_cast<off_t>(at), static_cast<off_t>(n)) == 0;
      if (!taken && cannot(errno)) return nullptr;
      if (!taken && errno != EINTR) fail("allocate", dir);
      if (taken) at += n;
    }
    std::byte* const pages = allocate_mapped(fd.get(), whole, bytes);
    if (pages == nullptr && !cannot(errno)) fail("map", dir);
    return pages;
  }
  bool map_in_place(const std::string& path, std::uint64_t offset, const std::byte* at,
                    std::size_t size) noexcept override {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return fd.get() >= 0 && make_mapped(fd.get(), offset, at, size);
  }
#endif
  void rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) fail("rename", from);
  }
  void unlink(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) fail("unlink", path);
  }
  bool exists(const std::string& path) override {
    struct stat st;
    if (::stat(path.c_str(), &st) == 0) return true;
    if (errno != ENOENT) fail("stat", path);
    return false;
  }
  std::vector<std::string> list(const std::string& dir) override {
    DIR* d = ::opendir(dir.c_str());
    if (d == nullptr) fail("list", dir);
    const std::unique_ptr<DIR, int (*)(DIR*)> closer(d, ::closedir);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* e = ::readdir(d)) {
      const std::string name = e->d_name;
      if (name != "." && name != "..") names.push_back(name);
      errno = 0;
    }
    if (errno != 0) fail("list", dir);
    return names;
  }
  void make_dir(const std::string& path) override {
    if (::mkdir(path.c_str(), 0755) == 0) return sync_new_dir(path);
    const int err = errno;
    if (err == EEXIST) {
      struct stat st;
      if (::stat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode))
        throw Error(ErrorCode::INVALID_ARGUMENT, path + " exists and is not a folder");
      return;
    }
    if (err != ENOENT || parent_path(path) == path) fail("mkdir", path, err);
    make_dir(parent_path(path));
    if (::mkdir(path.c_str(), 0755) == 0) return sync_new_dir(path);
    if (errno != EEXIST) fail("mkdir", path);
    sync_new_dir(path);
  }
  void sync_dir(const std::string& path) override {
    const Fd fd(open_file("open", path, O_RDONLY | O_DIRECTORY));
    sync_folder(fd.get(), path);
  }
  std::unique_ptr<FileLock> lock(const std::string& path) override {
    return std::make_unique<PosixFileLock>(open_file("lock", path, O_RDWR | O_CREAT), path);
  }
  void link_or_copy(const std::string& from, const std::string& to) override {
    if (::link(from.c_str(), to.c_str()) == 0) return;
    if (errno == EEXIST || errno == ENOSPC || errno == ENOENT) fail("link", to);
    copy_file(from, to);
  }

 private:
#if defined(__linux__)
  static bool cannot(int err) noexcept { return err == EOPNOTSUPP || err == ENOSYS || err == EINVAL || err == ENODEV; }
  static Fd nameless_file(const std::string& dir) {
    const int fd = ::open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return Fd(fd);
    // Some file systems have none.
    const std::string path = join_path(dir, "scratch.tmp");
    ::unlink(path.c_str());
    Fd named = open_file("create", path, O_RDWR | O_CREAT | O_EXCL);
    ::unlink(path.c_str());
    return named;
  }
#endif
  // Also the name of the folder above: who made that one may have been killed before its name was on disk. When it fails the folder goes,
  // so that who tries again makes it again, and syncs its name.
  void sync_new_dir(const std::string& path) {
    try {
      sync_dir(parent_path(path));
      sync_name(*this, parent_path(path));
    } catch (...) {
      ::rmdir(path.c_str());
      throw;
    }
  }
  static void copy_file(const std::string& from, const std::string& to) {
    const PosixReadableFile source(open_file("open", from, O_RDONLY), from);
    Fd fd = open_file("create", to, O_WRONLY | O_CREAT | O_EXCL);
#if defined(__linux__) && defined(FICLONE)
    const Fd again(open_file("open", from, O_RDONLY));
    if (::ioctl(fd.get(), FICLONE, again.get()) == 0) return sync_fd(fd.get(), to);
#endif
    const std::unique_ptr<WritableFile> target = std::make_unique<PosixWritableFile>(std::move(fd), to);
    std::vector<char> buffer(1u << 20);
    for (std::uint64_t at = 0; at < source.size();) {
      const std::size_t n = source.read_at(at, buffer.data(), buffer.size());
      if (n == 0) break;
      target->append(buffer.data(), n);
      at += n;
    }
    target->sync();
  }
};

}  // namespace

Env& Env::real() {
  static PosixEnv env;
  return env;
}

}  // namespace sagedb

#endif  // !_WIN32
