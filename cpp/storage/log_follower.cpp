#include "storage/log_follower.h"

#include <algorithm>

#include "base/crc32c.h"
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

// Not the checksum of the frame, which differs from log to log.
void LogFollower::remember(const LogReader& log, const Frame& frame, const std::string& payload) {
  const std::uint32_t checksum = crc32c(0, payload.data(), payload.size());
  unconfirmed_.push_back({frame.first_sequence, frame.operations, checksum, log.end()});
}

void LogFollower::compare(const LogReader& log, const Frame& frame, const std::string& payload) {
  const auto before = [](const Unconfirmed& u, Sequence first) { return u.first_sequence + u.operations <= first; };
  const auto u = std::lower_bound(unconfirmed_.begin(), unconfirmed_.end(), frame.first_sequence, before);
  if (u == unconfirmed_.end() || frame.first_sequence + frame.operations <= u->first_sequence) return;
  if (u->first_sequence != frame.first_sequence || u->operations != frame.operations ||
      u->checksum != crc32c(0, payload.data(), payload.size()))
    throw LogParted(ErrorCode::CORRUPTION, log_name(number_) + " holds other operations than were read before");
  if (u->end == kElsewhere) --elsewhere_;
  u->end = log.end();
}

void LogFollower::require_all_carried() const {
  if (elsewhere_ > 0)
    throw LogParted(ErrorCode::CORRUPTION, log_name(number_) + " goes on without operations that were read before");
}

void LogFollower::forget_durable(const LogReader& log) {
  while (!unconfirmed_.empty() && unconfirmed_.front().end <= log.confirmed()) unconfirmed_.pop_front();
}

// `end`: how many bytes of the log count.
void LogFollower::leave_log(std::uint64_t end) {
  const auto counts = [&](const Unconfirmed& u) { return u.end <= end; };
  unconfirmed_.erase(std::remove_if(unconfirmed_.begin(), unconfirmed_.end(), counts), unconfirmed_.end());
  for (Unconfirmed& u : unconfirmed_) u.end = kElsewhere;
  elsewhere_ = unconfirmed_.size();
}

std::uint64_t LogFollower::read_on(LogReader& log, const ReplayFunction& apply) {
  std::uint64_t operations = 0;
  if (offset_ > kHeaderSize) log.resume(offset_, log_sequence_);
  Frame frame;
  std::string payload;
  while (log.next(&frame, &payload)) {
    compare(log, frame, payload);
    // Of a frame that is carried over from the log before, everything is known.
    if (log.last_sequence() > sequence_) {
      if (frame.first_sequence != sequence_ + 1)
        throw Error(ErrorCode::CORRUPTION, log_name(number_) + " continues with sequence " +
                                               std::to_string(frame.first_sequence) + " after " +
                                               std::to_string(sequence_));
      // What the log takes over stands before what is new.
      require_all_carried();
      // Nothing may fail once it is applied.
      remember(log, frame, payload);
      try {
        apply(frame, payload);
      } catch (...) {
        unconfirmed_.pop_back();
        throw;
      }
      sequence_ = log.last_sequence();
      operations += frame.operations;
      bytes_ += frame_size(frame.payload_size);
    }
    forget_durable(log);
    offset_ = log.end();
    log_sequence_ = log.last_sequence();
  }
  offset_ = log.end();  // behind the seal, which confirms everything
  forget_durable(log);
  return operations;
}

std::uint64_t LogFollower::follow(Env& env, const std::string& dir, const ReplayFunction& apply) {
  const std::uint64_t newest = newest_log(env, dir);
  std::uint64_t operations = 0;
  for (;; ++number_, offset_ = kHeaderSize, log_.reset()) {
    LogReader log(env, dir, number_, database_, false);
    if (log_ && *log_ != log.header().uuid)
      throw LogParted(ErrorCode::CORRUPTION, log_name(number_) + " is another file than was read before");
    log_ = log.header().uuid;
    if (number_ == newest) {
      if (offset_ > log.size()) throw LogParted(ErrorCode::CORRUPTION, log_name(number_) + " has become shorter");
      operations += read_on(log, apply);
      require_all_carried();
      return operations;
    }
    const LogReader next(env, dir, number_ + 1, database_, false);
    if (next.header().previous_number != number_)
      throw Error(ErrorCode::CORRUPTION, dir + ": " + log_name(number_ + 1) + " does not follow " + log_name(number_));
    const std::uint64_t end = next.header().previous_size;
    // Beyond it may lie frames that were read here before the next log was born: those that it carries, or that failed.
    if (offset_ <= end) {
      log.set_limit(end);
      operations += read_on(log, apply);
    }
    leave_log(end);
  }
}

}  // namespace sagedb
