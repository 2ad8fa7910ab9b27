#include "storage/log_chain.h"

#include <utility>

#include "base/status.h"

namespace sagedb {

void LogChain::begin(LogStart start) {
  const bool carries = !start.carried.empty();
  if (carries) this->start(start);
  start.carried.clear();
  MutexLock lock(mutex_);
  start_ = std::move(start);
}

bool LogChain::begun() const {
  MutexLock lock(mutex_);
  return start_.has_value();
}

std::shared_ptr<LogWriter> LogChain::current() const {
  MutexLock lock(mutex_);
  return log_;
}

std::shared_ptr<LogWriter> LogChain::start(LogStart start) {
  start.space_ahead = space_ahead_;
  std::shared_ptr<LogWriter> log = LogWriter::create(env_, dir_, start);
  MutexLock lock(mutex_);
  return log_ = std::move(log);
}

std::shared_ptr<LogWriter> LogChain::next(Sequence last_sequence) {
  const std::shared_ptr<LogWriter> old = current();
  LogStart start;
  {
    MutexLock lock(mutex_);
    if (!start_) throw Error(ErrorCode::INTERNAL, "a log before the recovery");
    start = *start_;
  }
  start.last_sequence = last_sequence;
  if (old != nullptr) {
    // What was torn behind size() counts for nobody.
    if (old->poisoned() || old->durable_size() < old->size()) old->sync();
    start.number = old->number() + 1;
    start.previous_number = old->number();
    start.previous_size = old->size();
  }
  return this->start(std::move(start));
}

void LogChain::finish() {
  std::shared_ptr<LogWriter> log = current();
  if (log == nullptr) return;
  if (log->ended() && log->cut()) return log->sync();
  // The next one says what of this one counts.
  if (log->ended()) log = next(log->last_sequence());
  log->seal();
}

bool LogChain::poisoned() const {
  const std::shared_ptr<LogWriter> log = current();
  return log != nullptr && log->poisoned();
}

Sequence LogChain::durable_sequence() const {
  MutexLock lock(mutex_);
  return log_ ? log_->durable_sequence() : start_ ? start_->last_sequence : 0;
}

}  // namespace sagedb
