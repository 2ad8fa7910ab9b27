// Replays the chain of logs that a manifest starts.
//
// Each log names its predecessor and how many of its bytes count, so a torn tail is never cut off, never appended to and never read again:
// the old file stays as it is and its successor says where it ends.
#pragma once

#include <functional>
#include <string>

#include "storage/log_writer.h"

namespace sagedb {

struct RecoveredLogs {
  std::uint64_t last_number = 0;
  Sequence last_sequence = 0;
  std::uint64_t bytes = 0;  // of all frames that were replayed
  std::uint64_t frames = 0;
  // How the next log begins: `next.carried` are the frames that no sync is known to cover. They were never contradicted, so
  // they are kept; but what is visible must be durable, so a writer has to create the next log before it serves.
  LogStart next;
};

using ReplayFunction = std::function<void(const Frame& frame, const std::string& payload)>;

// Calls `apply` for every frame from log `first_number` on. `writable`: the caller is to go on after them. Throws CORRUPTION (also for a missing log), UNSUPPORTED_FORMAT, I/O errors and what
// `apply` throws.
RecoveredLogs replay_logs(Env& env, const std::string& dir, const Uuid& database, std::uint64_t first_number,
                          Sequence last_sequence, const ReplayFunction& apply, bool writable = true);

// Numbers of the log files in `dir`, ascending.
std::vector<std::uint64_t> list_logs(Env& env, const std::string& dir);

}  // namespace sagedb
