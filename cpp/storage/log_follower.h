// Reads on in a chain of logs from where it stopped, while the writer appends, rotates and recovers: for openers that only read.
//
// A frame that is not whole yet is left for the next call. Frames that a recovery has written again into the next log are known by their
// sequences and applied once. A frame is read as soon as it is whole, before its sync: when its write or sync fails after all, or a loss of power
// takes it on the other side of a network, the log goes on without it. So what was never known to be durable is compared with what comes in its place.
// A log of the same number and another identity is that of a backup which has taken the folder's place.
// Thread safety: one thread.
#pragma once

#include <deque>
#include <optional>

#include "base/status.h"
#include "storage/log_reader.h"
#include "storage/log_recovery.h"

namespace sagedb {

// What was applied is no part of the log any more: its reader is to load the database anew.
class LogParted : public Error {
 public:
  using Error::Error;
};

class LogFollower {
 public:
  // From the first frame of log `number` on; everything up to `last_sequence` is known already.
  LogFollower(const Uuid& database, std::uint64_t number, Sequence last_sequence)
      : database_(database), number_(number), log_sequence_(last_sequence), sequence_(last_sequence) {}

  // Calls `apply` for every whole frame that is new; returns how many operations they hold. When `apply` throws, its frame is still new.
  // Throws NOT_FOUND when the log it stands in was removed, because a newer generation does without it; LogParted; CORRUPTION;
  // UNSUPPORTED_FORMAT; I/O errors.
  std::uint64_t follow(Env& env, const std::string& dir, const ReplayFunction& apply);

  Sequence sequence() const noexcept { return sequence_; }
  // Up to here what was applied was durable, and nothing that comes later may be older.
  Sequence durable_sequence() const noexcept {
    return unconfirmed_.empty() ? sequence_ : unconfirmed_.front().first_sequence - 1;
  }
  std::uint64_t bytes() const noexcept { return bytes_; }  // of all frames that were applied

 private:
  // A frame that was applied and is not known to have been durable.
  struct Unconfirmed {
    Sequence first_sequence;
    std::uint32_t operations, checksum;
    std::uint64_t end;  // in log number_; kElsewhere: in the one before
  };
  static constexpr std::uint64_t kElsewhere = ~std::uint64_t{0};

  std::uint64_t newest_log(Env& env, const std::string& dir) const;
  std::uint64_t read_on(LogReader& log, const ReplayFunction& apply);
  void remember(const LogReader& log, const Frame& frame, const std::string& payload);
  void compare(const LogReader& log, const Frame& frame, const std::string& payload);
  void require_all_carried() const;
  void forget_durable(const LogReader& log);
  void leave_log(std::uint64_t end);

  const Uuid database_;
  std::uint64_t number_;
  std::optional<Uuid> log_;  // the identity of log number_ once it was read
  std::uint64_t offset_ = kHeaderSize;  // in log number_
  Sequence log_sequence_;  // of the frame before offset_, as the log counts
  Sequence sequence_;  // applied
  std::uint64_t bytes_ = 0;
  std::deque<Unconfirmed> unconfirmed_;  // in order of sequence
  std::size_t elsewhere_ = 0;  // of them
};

}  // namespace sagedb
