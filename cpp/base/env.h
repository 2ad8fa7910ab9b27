// The file seam: every byte the engine keeps goes through an Env, so that a simulated disk can fail or lose power at any operation.
//
// Errors are thrown as Error with the codes NOT_FOUND, PERMISSION_DENIED, DISK_FULL, IO_ERROR, OUT_OF_MEMORY, LOCKED; messages name
// the operation and the path.
// Thread safety: an Env is self-synchronised; one file object is used by one thread at a time, a Mapping by any number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sagedb {

struct Bytes {
  const void* data = nullptr;
  std::size_t size = 0;
};

// A new file being written. What was written is durable only after sync(), and its name only after Env::sync_dir().
class WritableFile {
 public:
  virtual ~WritableFile() = default;  // closes; does not sync
  // Appends all pieces in order. On an error any prefix of them may have reached the file.
  virtual void append(const Bytes* pieces, std::size_t count) = 0;
  void append(const void* data, std::size_t size) {
    const Bytes piece{data, size};
    append(&piece, 1);
  }
  // Anywhere, also behind what was appended: append() goes on where it was and writes over such bytes.
  virtual void write_at(std::uint64_t offset, const void* data, std::size_t size) = 0;
  // Cuts the file off after `size` bytes, where append() then goes on.
  virtual void trim(std::uint64_t size) = 0;
  // Whether bytes that are written again keep their place on the disk, so that a sync of them is cheaper than one of a file that grew.
  virtual bool writes_in_place() const noexcept { return true; }
  // A hint: what was appended will be synced soon. Returns without waiting.
  virtual void start_sync() noexcept {}
  // Data and length reach the disk (fdatasync). May run beside append(), whose bytes it then covers or not. After a failure the content on disk is unknown: the system may have dropped the pages
  // and a second sync would report a success that means nothing.
  virtual void sync() = 0;
};

class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  virtual std::uint64_t size() const = 0;
  // Reads up to `size` bytes; less only at the end of the file.
  virtual std::size_t read_at(std::uint64_t offset, void* out, std::size_t size) const = 0;
};

// A whole file mapped for reading. Only published files are mapped; those are never truncated or written again.
class Mapping {
 public:
  virtual ~Mapping() = default;
  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

 protected:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// `size` bytes of a file from `offset` on, to stand at byte `at` of a mapping.
struct MapPart {
  std::string path;
  std::uint64_t offset = 0, at = 0, size = 0;
};

class FileLock {
 public:
  virtual ~FileLock() = default;  // releases
  // False once another file stands at its path, or none: it was removed or replaced, and keeps nobody out any more.
  virtual bool in_place() const noexcept { return true; }
};

class Env {
 public:
  // The operating system's files.
  static Env& real();
  virtual ~Env() = default;

  virtual std::unique_ptr<WritableFile> create(const std::string& path) = 0;  // replaces an existing file
  virtual std::unique_ptr<ReadableFile> open(const std::string& path) = 0;
  virtual std::shared_ptr<const Mapping> map(const std::string& path) = 0;
  // Parts of several files as one run of `size` bytes; where parts overlap the later one counts. Mapped where every `offset` and `at` is a multiple of the
  // system's page size, else read into memory.
  virtual std::shared_ptr<const Mapping> map_parts(const std::vector<MapPart>& parts, std::uint64_t size) = 0;
  // A hint: these bytes will be read soon. Returns without waiting for them; what cannot be read ahead is left to whoever reads it.
  virtual void will_read(const std::string& path, std::uint64_t offset, std::uint64_t size) noexcept;
  virtual void rename(const std::string& from, const std::string& to) = 0;
  virtual void unlink(const std::string& path) = 0;
  virtual bool exists(const std::string& path) = 0;
  virtual std::vector<std::string> list(const std::string& dir) = 0;  // names, unordered, without . and ..
  virtual void make_dir(const std::string& path) = 0;  // with its parents; existing is fine
  virtual void sync_dir(const std::string& path) = 0;
  // One holder per file, across processes and within this one. Throws LOCKED at once when it is held.
  virtual std::unique_ptr<FileLock> lock(const std::string& path) = 0;
  // A second name for the same bytes: hard link, else copy-on-write clone, else a synced copy. `to` must not exist.
  virtual void link_or_copy(const std::string& from, const std::string& to) = 0;

  // `bytes` (> 0) zeros to write to that the system may keep on the disk instead of in memory: whole pages are those of a file in `dir` that has no name and
  // whose space is taken, what is left at the end is memory. Freed with free_pages(). Null where the system has none. Throws as other operations do.
  virtual std::byte* allocate_scratch(const std::string& dir, std::size_t bytes);
  // Puts bytes of a file in place of the same bytes at `at`: addresses stay, and who reads meanwhile notices nothing. All three numbers are multiples of
  // the system's page size. False, and nothing has happened, where the system cannot.
  virtual bool map_in_place(const std::string& path, std::uint64_t offset, const std::byte* at,
                            std::size_t size) noexcept;

  virtual void random_bytes(void* out, std::size_t size);  // the system's, unless a simulated disk wants to repeat them
};

// For a folder that was there: who made it may have been killed before its name was on disk. Without the right to look above it there is nothing to do.
void sync_name(Env& env, const std::string& dir);
// Removes a file that is of no use, where it can.
void discard(Env& env, const std::string& path) noexcept;
std::string join_path(const std::string& dir, const std::string& name);
std::string parent_path(const std::string& path);

}  // namespace sagedb
