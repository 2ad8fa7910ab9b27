#include "engine/change_feed.h"

namespace sagedb {
namespace {

// A final round of this many changes holds the locks for well under a millisecond of copying.
constexpr std::size_t kSmallRound = 256;
constexpr int kMaxRounds = 12;

}  // namespace

ChangeFeed::ChangeFeed(EngineState& state) : state_(state) {
  FifoLock lock(state_.writer_mutex);
  state_.journal = &journal_;
  base_ = state_.publisher.current();
  seen_ = base_->record_count;
}

ChangeFeed::~ChangeFeed() {
  FifoLock lock(state_.writer_mutex);
  state_.journal = nullptr;
}

// A read-only engine may have taken over another generation meanwhile: its rows are numbered differently. And its index, if it is damaged, may have been dropped:
// what was cut from it must not bring it back.
std::shared_ptr<const Snapshot> ChangeFeed::current() const {
  std::shared_ptr<const Snapshot> now = state_.publisher.current();
  if (now->generation != base_->generation || !now->has_indexes_of(*base_))
    throw Error(ErrorCode::ABORTED, "the data was replaced during a background job");
  return now;
}

void ChangeFeed::catch_up(const CancelToken* cancel, const Replay& replay) {
  for (int round = 0; round < kMaxRounds; ++round) {
    if (cancel != nullptr) cancel->check();
    std::shared_ptr<const Snapshot> now;
    Deletions deletions;
    {
      FifoLock lock(state_.writer_mutex);
      now = current();
      deletions.swap(journal_.deleted);
    }
    const std::size_t left = (now->record_count - seen_) + deletions.size();
    replay(*now, deletions);
    seen_ = now->record_count;
    if (left <= kSmallRound) break;
  }
}

std::shared_ptr<const Snapshot> ChangeFeed::finish(const FifoLock&, const Replay& replay) {
  state_.writer_mutex.assume_held();  // as the caller's `state_.writer_mutex`
  std::shared_ptr<const Snapshot> now = current();
  state_.journal = nullptr;
  replay(*now, journal_.deleted);
  return now;
}

}  // namespace sagedb
