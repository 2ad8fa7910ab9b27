// What commits change while a background job works on a snapshot, handed to the job in rounds.
//
// Thread safety: one job at a time has one, on the maintenance thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/cancel.h"
#include "engine/engine_state.h"

namespace sagedb {

class ChangeFeed {
 public:
  using Deletions = std::vector<ChangeJournal::Entry>;

  // From here on tombstones are noted; base() is the snapshot of this moment.
  explicit ChangeFeed(EngineState& state);
  ~ChangeFeed();
  ChangeFeed(const ChangeFeed&) = delete;
  ChangeFeed& operator=(const ChangeFeed&) = delete;
  const std::shared_ptr<const Snapshot>& base() const noexcept { return base_; }

  // Calls replay(now, deletions) with the tombstones since the call before, in commit order, until little is left for finish(). Records up to
  // now->record_count that the job does not have are new. Throws ABORTED.
  using Replay = std::function<void(const Snapshot& now, const Deletions& deletions)>;
  void catch_up(const CancelToken* cancel, const Replay& replay);
  // The last round: no commit happens until the lock of the writer mutex is given back, and none is noted any more. Throws ABORTED.
  std::shared_ptr<const Snapshot> finish(const FifoLock& writer_lock, const Replay& replay);

 private:
  std::shared_ptr<const Snapshot> current() const REQUIRES(state_.writer_mutex);

  EngineState& state_;
  ChangeJournal journal_;
  std::shared_ptr<const Snapshot> base_;
  RecordNo seen_ = 0;  // records that were handed out
};

}  // namespace sagedb
