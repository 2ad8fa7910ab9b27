#include "storage/log_recovery.h"

#include <algorithm>
#include <cstdlib>
#include <deque>

#include "base/status.h"
#include "storage/log_reader.h"

namespace sagedb {
namespace {

struct Carried {
  std::uint64_t end;  // in its log
  CarriedFrame frame;
};

// The seal of a log is not counted: it may not have reached the disk when everything before it had.
void finish(RecoveredLogs* out, std::uint64_t number, const Uuid& database, const LogReader& log,
            std::deque<Carried> unconfirmed) {
  if (log.confirmed() == log.end() || log.sealed()) unconfirmed.clear();
  out->last_number = number;
  out->next.database = database;
  out->next.number = number + 1;
  out->next.previous_number = number;
  out->next.previous_size = log.confirmed();
  out->next.last_sequence = unconfirmed.empty() ? out->last_sequence : unconfirmed.front().frame.first_sequence - 1;
  for (Carried& c : unconfirmed) out->next.carried.push_back(std::move(c.frame));
}

}  // namespace

std::vector<std::uint64_t> list_logs(Env& env, const std::string& dir) {
  std::vector<std::uint64_t> out;
  for (const std::string& name : env.list(dir)) {
    if (name.compare(0, 4, "wal-") != 0) continue;
    const std::uint64_t number = std::strtoull(name.c_str() + 4, nullptr, 10);
    if (name == log_name(number)) out.push_back(number);
  }
  std::sort(out.begin(), out.end());
  return out;
}

RecoveredLogs replay_logs(Env& env, const std::string& dir, const Uuid& database, std::uint64_t first_number,
                          Sequence last_sequence, const ReplayFunction& apply, bool writable) {
  std::vector<std::uint64_t> numbers = list_logs(env, dir);
  numbers.erase(numbers.begin(), std::lower_bound(numbers.begin(), numbers.end(), first_number));
  if (numbers.empty()) throw Error(ErrorCode::CORRUPTION, dir + ": " + log_name(first_number) + " is missing");
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (numbers[i] != first_number + i)
      throw Error(ErrorCode::CORRUPTION, dir + ": " + log_name(first_number + i) + " is missing");

  RecoveredLogs out;
  out.last_sequence = last_sequence;
  std::unique_ptr<LogReader> log = std::make_unique<LogReader>(env, dir, numbers[0], database, writable);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    std::unique_ptr<LogReader> next;
    if (i + 1 < numbers.size()) {
      next = std::make_unique<LogReader>(env, dir, numbers[i + 1], database, writable);
      if (next->header().previous_number != numbers[i])
        throw Error(ErrorCode::CORRUPTION,
                    dir + ": " + log_name(numbers[i + 1]) + " does not follow " + log_name(numbers[i]));
      log->set_limit(next->header().previous_size);
    }
    const bool last = !next;
    std::deque<Carried> unconfirmed;
    Frame frame;
    std::string payload;
    while (log->next(&frame, &payload)) {
      // Checked at frames, not at headers: mode 'memory' starts a log at a sequence that an unfinished checkpoint never reached.
      if (frame.first_sequence != out.last_sequence + 1)
        throw Error(ErrorCode::CORRUPTION, dir + ": " + log_name(numbers[i]) + " continues with sequence " +
                                               std::to_string(frame.first_sequence) + " after " +
                                               std::to_string(out.last_sequence));
      apply(frame, payload);
      out.last_sequence = log->last_sequence();
      ++out.frames;
      out.bytes += frame_size(frame.payload_size);
      if (last)
        unconfirmed.push_back(Carried{log->end(), {frame.operations, frame.first_sequence, std::move(payload)}});
      while (!unconfirmed.empty() && unconfirmed.front().end <= log->confirmed()) unconfirmed.pop_front();
    }
    if (last) finish(&out, numbers[i], database, *log, std::move(unconfirmed));
    log = std::move(next);
  }
  return out;
}

}  // namespace sagedb
