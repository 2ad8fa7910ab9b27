// A sample of the queries that really come in, for calibrating ef. Stored rows are biased queries: the graph knows them.
//
// Thread safety: self-synchronised; offer() never waits (a busy sample skips the query).
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace sagedb {

class QuerySample {
 public:
  static constexpr std::size_t kCapacity = 1024;

  explicit QuerySample(std::uint32_t dimension) : dimension_(dimension) {}
  // A query that is kept already is not kept twice: repeats would make the sample look larger than it is.
  void offer(const float* query) noexcept;
  // Different queries kept, at most kCapacity.
  std::uint64_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  // The kept queries, at most `limit` of them, `dimension` floats each.
  std::vector<float> copy(std::size_t limit) const;

 private:
  const std::uint32_t dimension_;
  std::atomic<std::uint64_t> offered_{0};
  std::atomic<std::uint64_t> size_{0};
  mutable std::mutex mutex_;
  std::vector<float> queries_;  // guarded by mutex_
  std::vector<std::uint64_t> hashes_;  // guarded by mutex_, one per kept query
};

}  // namespace sagedb
