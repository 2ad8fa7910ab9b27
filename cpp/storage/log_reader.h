// Reads the frames of one log file in order.
//
// Thread safety: one thread. Logs are read with pread, never mapped: a live log's tail may be cut off under a reader.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "storage/log_format.h"

namespace sagedb {

class LogReader {
 public:
  // `writable`: the caller is to go on after this log. Throws what decode_header() throws, and CORRUPTION when the file belongs to another database
  // or has another number.
  LogReader(Env& env, const std::string& dir, std::uint64_t number, const Uuid& database, bool writable = true);

  const FileHeader& header() const noexcept { return header_; }

  // The next whole frame of operations; false at the end. With `limit` (the successor's statement of how many bytes of this log
  // count) the frames must reach it exactly. Throws CORRUPTION when bytes are damaged that were durable once.
  bool next(Frame* frame, std::string* payload);
  void set_limit(std::uint64_t bytes) { limit_ = bytes; }
  // Goes on behind frames that were read before: `at` is where they ended, `last_sequence` their last.
  void resume(std::uint64_t at, std::uint64_t last_sequence) {
    at_ = at;
    last_sequence_ = last_sequence;
  }

  // After next() returned false:
  std::uint64_t end() const noexcept { return at_; }  // bytes of whole frames
  std::uint64_t confirmed() const noexcept { return confirmed_; }  // of these, known to have been synced
  std::uint64_t last_sequence() const noexcept { return last_sequence_; }
  bool sealed() const noexcept { return sealed_; }
  std::uint64_t size() const { return file_->size(); }  // of the file, as it was when it was opened

 private:
  bool read_frame(std::uint64_t at, Frame* frame, std::string* payload) const;
  bool has_frame_behind(std::uint64_t at, std::uint64_t durable) const;
  [[noreturn]] void corrupt(const std::string& what) const;

  Env& env_;
  const std::string name_;
  std::unique_ptr<ReadableFile> file_;
  FileHeader header_;
  std::uint32_t seed_ = 0;
  std::optional<std::uint64_t> limit_;
  std::uint64_t at_ = kHeaderSize;
  std::uint64_t confirmed_ = kHeaderSize;
  std::uint64_t last_sequence_ = 0;
  bool sealed_ = false;
};

}  // namespace sagedb
