// Appends frames to one log file.
//
// Thread safety: append(), seal() by one thread at a time; sync() may run beside append() (background sync); the counters by anyone.
// Invariants: a log is born complete: it appears under its name with a synced header and the frames it takes over. After a failed
// append nothing follows the torn bytes: the log is closed for appending, and its successor states how many of its bytes count. After a
// failed sync the log is poisoned: the system may have dropped the pages, so nothing may be acknowledged until a reopen has
// read what the disk really holds.
// Space ahead: a sync of a file that grew writes the file system's journal, too; one of bytes that were there before does not and takes about
// half the time. So behind small frames zeros are written, as many as the log has bytes, up to 256 KiB; the next frames go over them. Zeros are no
// frame. seal() and a failed append cut off what is behind the last frame, as far as the file system does it.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/mutex.h"
#include "base/types.h"
#include "storage/log_format.h"

namespace sagedb {

// A frame that is written again at the start of the next log, because no sync was ever known to cover it.
struct CarriedFrame {
  std::uint32_t operations;
  std::uint64_t first_sequence;
  std::string payload;
};

struct LogStart {
  Uuid database{};
  std::uint64_t number = 0;
  Sequence last_sequence = 0;  // before the first frame
  std::uint64_t previous_number = 0, previous_size = 0;
  std::vector<CarriedFrame> carried;
  bool space_ahead = false;  // pays where every frame is synced
};

class LogWriter {
 public:
  // Writes, syncs and publishes the new log file.
  static std::unique_ptr<LogWriter> create(Env& env, const std::string& dir, const LogStart& start);

  // One frame holding `pieces` in order, for the sequences last_sequence() + 1 .. + operations. Throws the error of the
  // file system (the log has ended then) or READ_ONLY (ended or poisoned before).
  void append(std::uint32_t operations, const Bytes* pieces, std::size_t count);
  // A hint: sync() follows, and there is other work before it.
  void start_sync() noexcept { file_->start_sync(); }
  // Everything appended so far is durable when it returns. Throws and poisons, or READ_ONLY when poisoned before.
  void sync() EXCLUDES(sync_mutex_);
  // sync(), then a last frame that says so, synced as well: damage anywhere in a sealed log is noticed. The log has ended then.
  void seal();

  std::uint64_t number() const noexcept { return number_; }
  std::uint64_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  std::uint64_t durable_size() const noexcept { return durable_.load(std::memory_order_acquire); }
  Sequence last_sequence() const noexcept { return last_sequence_.load(std::memory_order_acquire); }
  Sequence durable_sequence() const noexcept { return durable_sequence_.load(std::memory_order_acquire); }
  // Torn by a failed append, or sealed: takes no more frames. Unless it is poisoned, a next log whose `previous_size` is size() may continue
  // once sync() succeeded.
  bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  bool poisoned() const noexcept { return poisoned_.load(std::memory_order_acquire); }
  // Of a log that has ended: cuts the file off behind the last frame where that has failed before. False: it failed again, and who reads the log
  // must be told its size.
  bool cut() noexcept;

 private:
  LogWriter(std::unique_ptr<WritableFile> file, std::string name, const LogStart& start, const Uuid& uuid);
  void write_frame(FrameType type, std::uint32_t operations, const Bytes* pieces, std::size_t count);
  void write_at_once(Frame& frame, std::uint64_t at, const Bytes* pieces, std::size_t count);
  void write_in_steps(Frame& frame, std::uint64_t at, const Bytes* pieces, std::size_t count);
  void write_ahead(std::uint64_t frame) noexcept;
  void refuse_when_ended() const;

  const std::unique_ptr<WritableFile> file_;
  const std::string name_;
  const std::uint64_t number_;
  const std::uint32_t seed_;
  bool space_ahead_;
  std::uint64_t written_ = 0;  // bytes the file has; behind size() they are zeros
  bool cut_ = true;  // nothing else may stand behind size()
  Mutex sync_mutex_{"log_sync"};  // the system reports a failed sync to one caller only
  // size_ and last_sequence_ change together; sync() reads size_ first, so the sequence it takes may only be older than the bytes.
  std::atomic<std::uint64_t> size_{kHeaderSize};
  std::atomic<std::uint64_t> durable_{0};
  std::atomic<Sequence> last_sequence_{0};
  std::atomic<Sequence> durable_sequence_{0};
  std::atomic<bool> ended_{false};
  std::atomic<bool> poisoned_{false};
};

}  // namespace sagedb
