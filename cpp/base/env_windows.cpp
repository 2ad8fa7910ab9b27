// The operating system's files on Windows.
//
// Files are read into memory, not mapped: a mapped file can be neither deleted nor replaced there, and both happen to segments that older
// snapshots still use. Opening a database therefore costs its size.
#if defined(_WIN32)

#ifndef NOMINMAX
#define NOMINMAX
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>

#include "base/env.h"
#include "base/memory.h"
#include "base/status.h"

namespace sagedb {
namespace {

constexpr std::size_t kMaxTransfer = std::size_t{1} << 30;
constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

ErrorCode code_of(DWORD error) noexcept {
  switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_DRIVE:
    case ERROR_DIRECTORY:
      return ErrorCode::NOT_FOUND;
    case ERROR_ACCESS_DENIED:
    case ERROR_WRITE_PROTECT:
      return ErrorCode::PERMISSION_DENIED;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case ERROR_FILE_TOO_LARGE:
      return ErrorCode::DISK_FULL;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
      return ErrorCode::OUT_OF_MEMORY;
    case ERROR_LOCK_VIOLATION:
    case ERROR_SHARING_VIOLATION:
      return ErrorCode::LOCKED;
    default:
      return ErrorCode::IO_ERROR;
  }
}

[[noreturn]] void fail(const char* operation, const std::string& path, DWORD error = ::GetLastError()) {
  throw Error(code_of(error),
              std::string(operation) + " " + path + ": " + std::system_category().message(static_cast<int>(error)));
}

// Paths are UTF-8 inside the engine. They become absolute, without `..` and doubled separators, and get the prefix that lifts the limit
// of 260 characters, which takes nothing else.
std::wstring wide(const std::string& path) {
  const int size = static_cast<int>(path.size());
  const int needed = ::MultiByteToWideChar(CP_UTF8, 0, path.data(), size, nullptr, 0);
  std::wstring text(static_cast<std::size_t>(needed), L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, path.data(), size, text.data(), needed);
  const DWORD capacity = ::GetFullPathNameW(text.c_str(), 0, nullptr, nullptr);
  std::wstring full(capacity, L'\0');
  full.resize(::GetFullPathNameW(text.c_str(), capacity, full.data(), nullptr));
  if (full.compare(0, 2, L"\\\\") != 0) return L"\\\\?\\" + full;
  const bool is_plain = full.size() > 2 && (full[2] == L'?' || full[2] == L'.');
  return is_plain ? full : L"\\\\?\\UNC" + full.substr(1);
}

std::string utf8(const wchar_t* text) {
  const int needed = ::WideCharToMultiByte(CP_UTF8, 0, text, -1, nullptr, 0, nullptr, nullptr);
  std::string out(static_cast<std::size_t>(needed), '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, text, -1, out.data(), needed, nullptr, nullptr);
  out.resize(out.size() - 1);  // the terminator
  return out;
}

class Handle {
 public:
  explicit Handle(HANDLE handle) noexcept : handle_(handle) {}
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, INVALID_HANDLE_VALUE)) {}
  ~Handle() {
    if (handle_ != INVALID_HANDLE_VALUE) ::CloseHandle(handle_);
  }
  Handle& operator=(Handle&&) = delete;
  HANDLE get() const noexcept { return handle_; }

 private:
  HANDLE handle_;
};

// Owned from here on: the allocation of what shall hold it may fail.
Handle open_file(const char* operation, const std::string& path, DWORD access, DWORD disposition) {
  const HANDLE handle =
      ::CreateFileW(wide(path).c_str(), access, kShareAll, nullptr, disposition, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (handle == INVALID_HANDLE_VALUE) fail(operation, path);
  return Handle(handle);
}

bool is_folder(const std::string& path) {
  const DWORD attributes = ::GetFileAttributesW(wide(path).c_str());
  return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

Handle open_for_reading(const std::string& path) {
  if (is_folder(path)) throw Error(ErrorCode::IO_ERROR, path + " is not a regular file");
  return open_file("open", path, GENERIC_READ, OPEN_EXISTING);
}

OVERLAPPED at_offset(std::uint64_t offset) noexcept {
  OVERLAPPED position{};
  position.Offset = static_cast<DWORD>(offset);
  position.OffsetHigh = static_cast<DWORD>(offset >> 32);
  return position;
}

class WindowsWritableFile final : public WritableFile {
 public:
  WindowsWritableFile(Handle handle, std::string path) : handle_(std::move(handle)), path_(std::move(path)) {}

  // Bytes go to an offset of our own: write_at() moves the handle's.
  void append(const Bytes* pieces, std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) {
      write_at(end_, pieces[i].data, pieces[i].size);
      end_ += pieces[i].size;
    }
  }

  void write_at(std::uint64_t offset, const void* data, std::size_t size) override {
    const char* p = static_cast<const char*>(data);
    while (size > 0) {
      OVERLAPPED position = at_offset(offset);
      DWORD done = 0;
      if (!::WriteFile(handle_.get(), p, static_cast<DWORD>(std::min(size, kMaxTransfer)), &done, &position))
        fail("write", path_);
      p += done;
      offset += done;
      size -= done;
    }
  }

  void trim(std::uint64_t size) override {
    FILE_END_OF_FILE_INFO end{};
    end.EndOfFile.QuadPart = static_cast<LONGLONG>(size);
    if (!::SetFileInformationByHandle(handle_.get(), FileEndOfFileInfo, &end, sizeof end)) fail("truncate", path_);
    end_ = size;
  }

  // What it would gain has not been measured here.
  bool writes_in_place() const noexcept override { return false; }

  void sync() override {
    if (!::FlushFileBuffers(handle_.get())) fail("sync", path_);
  }

 private:
  const Handle handle_;
  const std::string path_;
  std::uint64_t end_ = 0;
};

class WindowsReadableFile final : public ReadableFile {
 public:
  explicit WindowsReadableFile(std::string path) : handle_(open_for_reading(path)), path_(std::move(path)) {
    LARGE_INTEGER size;
    if (!::GetFileSizeEx(handle_.get(), &size)) fail("stat", path_);
    size_ = static_cast<std::uint64_t>(size.QuadPart);
  }
  std::uint64_t size() const override { return size_; }
  std::size_t read_at(std::uint64_t offset, void* out, std::size_t size) const override {
    std::size_t done = 0;
    while (done < size) {
      OVERLAPPED position = at_offset(offset + done);
      const auto want = static_cast<DWORD>(std::min(size - done, kMaxTransfer));
      DWORD n = 0;
      if (!::ReadFile(handle_.get(), static_cast<char*>(out) + done, want, &n, &position)) {
        if (::GetLastError() == ERROR_HANDLE_EOF) break;
        fail("read", path_);
      }
      if (n == 0) break;
      done += n;
    }
    return done;
  }

 private:
  const Handle handle_;
  const std::string path_;
  std::uint64_t size_ = 0;
};

class CopiedMapping final : public Mapping {
 public:
  CopiedMapping(const std::vector<MapPart>& parts, std::uint64_t size) {
    size_ = static_cast<std::size_t>(size);
    if (size_ == 0) return;
    std::byte* const memory = allocate_pages(size_);
    data_ = memory;
    try {
      for (const MapPart& part : parts) {
        if (part.at > size || part.size > size - part.at)
          throw Error(ErrorCode::INTERNAL, "a part lies outside of its mapping");
        if (WindowsReadableFile(part.path).read_at(part.offset, memory + part.at, part.size) != part.size)
          fail("read", part.path, ERROR_HANDLE_EOF);
      }
    } catch (...) {
      free_pages(memory, size_);
      throw;
    }
  }
  ~CopiedMapping() override {
    if (data_ != nullptr) free_pages(const_cast<std::byte*>(data_), size_);
  }
};

// Belongs to the handle: a second one conflicts in this process, too, under whatever name it was opened.
class WindowsFileLock final : public FileLock {
 public:
  explicit WindowsFileLock(const std::string& path)
      : handle_(open_file("lock", path, GENERIC_READ | GENERIC_WRITE, OPEN_ALWAYS)) {
    OVERLAPPED whole{};
    if (::LockFileEx(handle_.get(), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &whole)) return;
    const DWORD error = ::GetLastError();
    if (error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING)
      throw Error(ErrorCode::LOCKED, path + " is held by another open database");
    fail("lock", path, error);
  }

 private:
  const Handle handle_;
};

// Virus scanners and indexers hold new files for a moment.
template <typename Operation>
void retried(const char* name, const std::string& path, const Operation& operation) {
  for (int attempt = 0; !operation(); ++attempt) {
    const DWORD error = ::GetLastError();
    const bool may_pass = error == ERROR_SHARING_VIOLATION || error == ERROR_ACCESS_DENIED;
    if (!may_pass || attempt == 50) fail(name, path, error);
    ::Sleep(5);
  }
}

class WindowsEnv final : public Env {
 public:
  std::unique_ptr<WritableFile> create(const std::string& path) override {
    // A fresh file: whoever still reads one of this name keeps the old bytes.
    if (exists(path)) unlink(path);
    return std::make_unique<WindowsWritableFile>(open_file("create", path, GENERIC_WRITE, CREATE_NEW), path);
  }
  std::unique_ptr<ReadableFile> open(const std::string& path) override {
    return std::make_unique<WindowsReadableFile>(path);
  }
  std::shared_ptr<const Mapping> map(const std::string& path) override {
    const std::uint64_t size = WindowsReadableFile(path).size();
    return map_parts({MapPart{path, 0, 0, size}}, size);
  }
  std::shared_ptr<const Mapping> map_parts(const std::vector<MapPart>& parts, std::uint64_t size) override {
    return std::make_shared<CopiedMapping>(parts, size);
  }
  void rename(const std::string& from, const std::string& to) override {
    const std::wstring source = wide(from), target = wide(to);
    retried("rename", from, [&] {
      return ::MoveFileExW(source.c_str(), target.c_str(), MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH) != 0;
    });
  }
  void unlink(const std::string& path) override {
    const std::wstring name = wide(path);
    retried("unlink", path, [&] { return ::DeleteFileW(name.c_str()) != 0; });
  }
  bool exists(const std::string& path) override {
    if (::GetFileAttributesW(wide(path).c_str()) != INVALID_FILE_ATTRIBUTES) return true;
    const DWORD error = ::GetLastError();
    if (error != ERROR_FILE_NOT_FOUND && error != ERROR_PATH_NOT_FOUND) fail("stat", path, error);
    return false;
  }
  std::vector<std::string> list(const std::string& dir) override {
    WIN32_FIND_DATAW entry;
    const HANDLE search = ::FindFirstFileW(wide(join_path(dir, "*")).c_str(), &entry);
    if (search == INVALID_HANDLE_VALUE) fail("list", dir);
    const std::unique_ptr<void, decltype(&::FindClose)> closer(search, &::FindClose);
    std::vector<std::string> names;
    do {
      std::string name = utf8(entry.cFileName);
      if (name != "." && name != "..") names.push_back(std::move(name));
    } while (::FindNextFileW(search, &entry));
    if (::GetLastError() != ERROR_NO_MORE_FILES) fail("list", dir);
    return names;
  }
  void make_dir(const std::string& path) override {
    if (::CreateDirectoryW(wide(path).c_str(), nullptr)) return;
    const DWORD error = ::GetLastError();
    if (is_folder(path)) return;
    if (error == ERROR_ALREADY_EXISTS) throw Error(ErrorCode::INVALID_ARGUMENT, path + " exists and is not a folder");
    if (error != ERROR_PATH_NOT_FOUND || parent_path(path) == path) fail("mkdir", path, error);
    make_dir(parent_path(path));
    if (!::CreateDirectoryW(wide(path).c_str(), nullptr) && !is_folder(path)) fail("mkdir", path);
  }
  // Folders cannot be flushed. NTFS keeps names in a journal of its own, which a file's FlushFileBuffers() and a write-through rename
  // bring to the disk.
  void sync_dir(const std::string&) override {}
  std::unique_ptr<FileLock> lock(const std::string& path) override { return std::make_unique<WindowsFileLock>(path); }
  void link_or_copy(const std::string& from, const std::string& to) override {
    const std::wstring source = wide(from), target = wide(to);
    if (::CreateHardLinkW(target.c_str(), source.c_str(), nullptr)) return;
    const DWORD error = ::GetLastError();
    if (error == ERROR_ALREADY_EXISTS || error == ERROR_FILE_NOT_FOUND) fail("link", to, error);
    if (!::CopyFileW(source.c_str(), target.c_str(), TRUE)) fail("link", to);
    const Handle copy(open_file("open", to, GENERIC_WRITE, OPEN_EXISTING));
    if (!::FlushFileBuffers(copy.get())) fail("sync", to);
  }
};

}  // namespace

Env& Env::real() {
  static WindowsEnv env;
  return env;
}

}  // namespace sagedb

#endif  // _WIN32
