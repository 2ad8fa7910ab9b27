// What the segments of the last checkpoint hold, and how much of it a later snapshot still has.
//
// Thread safety: graph_damaged() from any thread; the rest by the holder of Storage's checkpoint mutex.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <vector>

#include "engine/checkpoint.h"

namespace sagedb {

class StoredState {
 public:
  // The segments hold `snapshot` now. Does not fail for as many spaces as before.
  void note(const Snapshot& snapshot);
  // Rows from this one on have newer records since.
  void note_moved_head(Row row) noexcept { moved_head_ = std::min(moved_head_, row); }
  void graph_damaged() noexcept { graph_sound_ = false; }
  void graph_written() noexcept { graph_sound_ = true; }

  // `stored`: the manifest of those segments.
  Reuse reusable(const Manifest& stored, const Snapshot& now) const;

 private:
  std::weak_ptr<const Generation> generation_;
  std::vector<std::weak_ptr<const CodeStore>> codes_;  // by space
  Row moved_head_ = kNoRow;  // first row with a newer record since
  std::atomic<bool> graph_sound_{true};
};

}  // namespace sagedb
