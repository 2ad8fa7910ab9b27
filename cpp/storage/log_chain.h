// The log that is appended to, and how the next one begins.
//
// A log file is made when there is something to write, so an open and a close leave the folder as it was. Only frames that no sync is known to
// cover are written again at once: what is visible must be durable.
// Thread safety: begin(), next() and finish() by one thread at a time; the rest by anyone.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "storage/log_writer.h"

namespace sagedb {

class LogChain {
 public:
  LogChain(Env& env, std::string dir, bool space_ahead) : env_(env), dir_(std::move(dir)), space_ahead_(space_ahead) {}

  // After recovery. May write the next log.
  void begin(LogStart start);
  bool begun() const EXCLUDES(mutex_);

  // Null while nothing has been written.
  std::shared_ptr<LogWriter> current() const EXCLUDES(mutex_);
  // Syncs the current log, which has ended or is to, and makes the one for what follows `last_sequence`.
  std::shared_ptr<LogWriter> next(Sequence last_sequence);
  // Seals the current log, if it can be.
  void finish();

  bool poisoned() const EXCLUDES(mutex_);
  Sequence durable_sequence() const EXCLUDES(mutex_);

 private:
  std::shared_ptr<LogWriter> start(LogStart start);

  Env& env_;
  const std::string dir_;
  const bool space_ahead_;
  mutable Mutex mutex_{"log_chain"};
  std::shared_ptr<LogWriter> log_ GUARDED_BY(mutex_);
  std::optional<LogStart> start_ GUARDED_BY(mutex_);  // of the first log; its database is that of all
};

}  // namespace sagedb
