// What was mapped from files and searches read, links, codes, records and vectors, moved into huge pages where it stands: a search touches hundreds
// of places, and each costs a translation of its address that small pages of a file make dear.
//
// Nothing else changes: addresses stay, so snapshots, stores and checkpoints know nothing of it (docs/decisions/0024-hot-pages.md).
// Thread safety: self-synchronised; step() by one thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace sagedb {

struct HotRange {
  std::weak_ptr<const void> owner;  // of the mapping
  const std::byte* data = nullptr;
  std::size_t size = 0;
};

class HotPages {
 public:
  // `budget`: how many bytes may be moved; none: a quarter of the memory that the system has available now.
  explicit HotPages(std::optional<std::uint64_t> budget);

  // Ranges of a new generation, the most important first. Those of the one before are forgotten.
  void offer(std::vector<HotRange> ranges);
  // Something is left to be moved, and enough searches have come in to make it worth it.
  bool due(std::uint64_t searches) const noexcept {
    return pending_.load(std::memory_order_relaxed) && searches >= kSearches;
  }
  // How many bytes of what files hold may be in memory of the process; all when the system does not say what it has.
  std::uint64_t limit() const noexcept { return limit_; }
  // Moves a piece, for some hundredths of a second.
  void step();
  // In memory of the process now.
  std::uint64_t bytes() const;
  // Calls work(ranges) with what is in memory of the process; nothing is moved meanwhile. The whole pages from the first in `data` on are meant.
  template <typename Work>
  void while_still(Work&& work) const {
    std::lock_guard<std::mutex> still(moving_);
    work(moved());
  }

 private:
  std::vector<HotRange> moved() const;

  static constexpr std::uint64_t kSearches = 128;

  const std::uint64_t budget_, limit_;
  mutable std::mutex moving_;  // before mutex_; held for as long as somebody moves pages, or must not
  mutable std::mutex mutex_;
  std::vector<HotRange> left_;  // guarded by mutex_, as below
  std::vector<HotRange> moved_;
  std::atomic<bool> pending_{false};
};

}  // namespace sagedb
