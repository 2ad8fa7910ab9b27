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
  void offer(const float* query) noexcept;
  // Queries seen so far (not all are kept).
  std::uint64_t seen() const noexcept { return seen_.load(std::memory_order_relaxed); }
  // The kept queries, at most `limit` of them, `dimension` floats each.
  std::vector<float> copy(std::size_t limit) const;

 private:
  const std::uint32_t dimension_;
  std::atomic<std::uint64_t> seen_{0};
  mutable std::mutex mutex_;
  std::vector<float> queries_;  // guarded by mutex_
};

}  // namespace sagedb
