// Everything indexed under one metadata path: which records have it, their scalars (elements of arrays included) in order, their
// strings in order.
//
// Thread safety: as SortedRuns: one writer; readers see what was published to them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/wtf8.h"
#include "store/document.h"
#include "store/sorted_runs.h"

namespace sagedb {

// A string as an index key: ordered by UTF-16 code units, read in place from its document or operand.
struct StringKey {
  std::uint64_t prefix = 0;
  const char* body = nullptr;  // u32 length, bytes

  static StringKey of_body(const char* body) noexcept { return {utf16_prefix(string_of_body(body)), body}; }
  std::string_view text() const noexcept { return string_of_body(body); }
  friend bool operator<(const StringKey& a, const StringKey& b) noexcept {
    if (a.prefix != b.prefix) return a.prefix < b.prefix;
    return a.body != b.body && compare_utf16(a.text(), b.text()) < 0;
  }
};

// An ascending list of records kept as ranges, so that a field every record has costs nothing per record.
class RecordRanges {
 public:
  RecordRanges() = default;
  ~RecordRanges();
  RecordRanges(const RecordRanges&) = delete;
  RecordRanges& operator=(const RecordRanges&) = delete;

  void reserve(std::uint32_t count);
  void unreserve(std::uint32_t count) noexcept { outstanding_ -= count < outstanding_ ? count : outstanding_; }
  void append(RecordNo r) noexcept;
  // Records listed so far, above a reader's own count included.
  RecordNo total() const noexcept { return total_.load(std::memory_order_acquire); }

  // Calls visit(begin, end) for the ranges clipped to [0, limit).
  template <typename Visit>
  void visit(RecordNo limit, Visit&& visit) const {
    const std::uint32_t count = count_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < count; ++i) {
      const Range& range = at(i);
      if (range.begin >= limit) return;
      const RecordNo end = range.end.load(std::memory_order_acquire);
      visit(range.begin, end < limit ? end : limit);
    }
  }
  std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kFirst = 4;
  struct Range {
    RecordNo begin;
    std::atomic<RecordNo> end;
  };
  Range& at(std::uint32_t i) const noexcept {
    const std::uint32_t shifted = i + kFirst;
    const int block = 31 - __builtin_clz(shifted);
    return blocks_[block - 2].load(std::memory_order_acquire)[shifted - (1u << block)];
  }
  std::atomic<Range*> blocks_[30] = {};
  std::atomic<std::uint32_t> count_{0};
  std::atomic<RecordNo> total_{0};
  std::atomic<std::size_t> bytes_{0};
  std::uint64_t capacity_ = 0;
  int block_count_ = 0;
  std::uint32_t outstanding_ = 0;
};

struct MetadataColumn {
  RecordRanges present;
  SortedRuns<ScalarKey> scalars;
  SortedRuns<StringKey> strings;
  std::size_t bytes() const { return present.bytes() + scalars.view().bytes() + strings.view().bytes(); }
};

}  // namespace sagedb
