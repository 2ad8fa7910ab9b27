// The filters that searches used last, parsed, with their row sets: a filter that many queries share is read and evaluated once.
//
// Metadata of a record never changes and records are a commit-order prefix, so an entry never becomes wrong: for a later snapshot it is
// extended by testing the records that were added since. Rows removed meanwhile stay set; every search checks tombstones anyway.
//
// Thread safety: self-synchronised; look-ups take no lock, and a search that finds another one storing does not wait for it.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>
#include <vector>

#include "base/published_ptr.h"
#include "engine/row_set.h"

namespace sagedb {

class FilterCache {
 public:
  static constexpr std::size_t kEntries = 32;
  static constexpr std::size_t kBytes = std::size_t{64} << 20;
  // Longer filters (lists of ids) rarely repeat and would cost more to compare than they save.
  static constexpr std::size_t kLongestText = std::size_t{16} << 10;

  FilterCache() : table_(std::make_shared<const Table>()) {}

  // The filter of a JSON text. Throws as Filter::parse.
  std::shared_ptr<const Filter> filter(std::string_view text) const;
  // Rows of live items of `snapshot` that match; may hold rows that are tombstoned by now. Throws OUT_OF_MEMORY.
  std::shared_ptr<const RowSet> rows(const Snapshot& snapshot, const std::shared_ptr<const Filter>& filter);
  std::size_t bytes() const noexcept;

 private:
  struct Entry {
    std::shared_ptr<const Filter> filter;
    std::weak_ptr<const Generation> generation;  // weak: the cache does not keep an old generation in memory
    Sequence sequence = 0;
    RecordNo record_count = 0;
    std::shared_ptr<const RowSet> rows;
    mutable std::atomic<std::uint64_t> used{0};
    bool is(std::string_view text) const noexcept { return filter->text() == text; }
    // Without the nodes of the parsed filter.
    std::size_t bytes() const noexcept { return filter->text().size() + rows->words.size() * sizeof(std::uint64_t); }
  };
  using Table = std::vector<std::shared_ptr<const Entry>>;

  static std::shared_ptr<const RowSet> extended(const Entry& entry, const Snapshot& snapshot, const Filter& filter);
  void store(std::shared_ptr<const Entry> entry) noexcept;

  published_ptr<const Table> table_;
  std::atomic<std::uint64_t> clock_{0};
  std::atomic_flag storing_ = ATOMIC_FLAG_INIT;
};

}  // namespace sagedb
