// Reads on in a chain of logs from where it stopped, while the writer appends, rotates and recovers: for openers that only read.
//
// A frame that is not whole yet is left for the next call. Frames that a recovery has written again into the next log are known by their
// sequences and applied once.
// Thread safety: one thread.
#pragma once

#include "storage/log_reader.h"
#include "storage/log_recovery.h"

namespace sagedb {

class LogFollower {
 public:
  // From the first frame of log `number` on; everything up to `last_sequence` is known already.
  LogFollower(const Uuid& database, std::uint64_t number, Sequence last_sequence)
      : database_(database), number_(number), log_sequence_(last_sequence), sequence_(last_sequence) {}

  // Calls `apply` for every whole frame that is new; returns how many operations they hold. When `apply` throws, its frame is still new.
  // Throws NOT_FOUND when the log it stands in was removed, because a newer generation does without it; CORRUPTION;
  // UNSUPPORTED_FORMAT; I/O errors.
  std::uint64_t follow(Env& env, const std::string& dir, const ReplayFunction& apply);

  Sequence sequence() const noexcept { return sequence_; }
  std::uint64_t bytes() const noexcept { return bytes_; }  // of all frames that were applied

 private:
  std::uint64_t newest_log(Env& env, const std::string& dir) const;
  std::uint64_t read_on(LogReader& log, const ReplayFunction& apply);

  const Uuid database_;
  std::uint64_t number_;
  std::uint64_t offset_ = kHeaderSize;  // in log number_
  Sequence log_sequence_;  // of the frame before offset_, as the log counts
  Sequence sequence_;  // applied
  std::uint64_t bytes_ = 0;
};

}  // namespace sagedb
