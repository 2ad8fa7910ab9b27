// Memory of rows and texts that a checkpoint has written, beyond what the database may hold: its pages become those of the segments, which the
// system can take back.
//
// Nothing else changes: addresses stay, so snapshots, stores and checkpoints know nothing of it (docs/decisions/0052-memory-budget.md).
// Thread safety: give_back() by one thread at a time; bytes() by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/env.h"
#include "engine/hot_pages.h"
#include "engine/snapshot.h"
#include "storage/manifest.h"

namespace sagedb {

class StoredPages {
 public:
  // The segments of `manifest` hold `snapshot`. So much of its texts, then vectors, then codes, the oldest of each first, as is more than `budget` is exchanged;
  // what was before and stands in other segments now follows those. `hot` stays where it is. Returns what a compaction copied, once it stands in segments,
  // the most important first.
  std::vector<HotRange> give_back(Env& env, const std::string& dir, const Manifest& manifest, const Snapshot& snapshot,
                                  std::uint64_t budget, const std::vector<HotRange>& hot);
  // In the files instead of in memory, as of the last call, but for what has become hot since.
  std::uint64_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

 private:
  struct Given {
    std::uint64_t segment, end;  // elements below `end` are pages of the segment
  };

  std::weak_ptr<const Generation> of_;
  bool offered_ = false;  // what a compaction copied
  std::vector<std::uint64_t> targets_;  // by part; they only grow
  std::vector<Given> given_;
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace sagedb
