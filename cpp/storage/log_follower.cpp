#include "storage/log_follower.h"

#include <algorithm>

#include "base/status.h"

namespace sagedb {
namespace {

// A folder that changes while it is listed may show a log and hide the one before it.
constexpr int kListings = 3;

}  // namespace

// The number of the last log, all between number_ and it being there.
std::uint64_t LogFollower::newest_log(Env& env, const std::string& dir) const {
  for (int listing = 1;; ++listing) {
    std::vector<std::uint64_t> numbers = list_logs(env, dir);
    numbers.erase(numbers.begin(), std::lower_bound(numbers.begin(), numbers.end(), number_));
    if (numbers.empty() || numbers.front() != number_)
      throw Error(ErrorCode::NOT_FOUND, dir + ": " + log_name(number_) + " is gone");
    if (numbers.back() - number_ + 1 == numbers.size()) return numbers.back();
    if (listing == kListings)
      throw Error(ErrorCode::CORRUPTION,
                  dir + ": a log between " + log_name(number_) + " and " + log_name(numbers.back()) + " is missing");
  }
}

std::uint64_t LogFollower::read_on(LogReader& log, const ReplayFunction& apply) {
  std::uint64_t operations = 0;
  if (offset_ > kHeaderSize) log.resume(offset_, log_sequence_);
  Frame frame;
  std::string payload;
  while (log.next(&frame, &payload)) {
    // Of a frame that is carried over from the log before, everything is known.
    if (log.last_sequence() > sequence_) {
      if (frame.first_sequence != sequence_ + 1)
        throw Error(ErrorCode::CORRUPTION, log_name(number_) + " continues with sequence " +
                                               std::to_string(frame.first_sequence) + " after " +
                                               std::to_string(sequence_));
      apply(frame, payload);
      sequence_ = log.last_sequence();
      operations += frame.operations;
      bytes_ += frame_size(frame.payload_size);
    }
    offset_ = log.end();
    log_sequence_ = log.last_sequence();
  }
  offset_ = log.end();  // behind the seal
  return operations;
}

std::uint64_t LogFollower::follow(Env& env, const std::string& dir, const ReplayFunction& apply) {
  const std::uint64_t newest = newest_log(env, dir);
  std::uint64_t operations = 0;
  for (;; ++number_, offset_ = kHeaderSize) {
    LogReader log(env, dir, number_, database_);
    if (number_ == newest) return operations + read_on(log, apply);
    const LogReader next(env, dir, number_ + 1, database_);
    if (next.header().previous_number != number_)
      throw Error(ErrorCode::CORRUPTION, dir + ": " + log_name(number_ + 1) + " does not follow " + log_name(number_));
    const std::uint64_t end = next.header().previous_size;
    // Beyond it lie frames that the next log carries; they may have been read here before it was born.
    if (offset_ > end) continue;
    log.set_limit(end);
    operations += read_on(log, apply);
  }
}

}  // namespace sagedb
