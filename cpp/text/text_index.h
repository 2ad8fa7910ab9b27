// Inverted index over chosen text fields of the metadata: per (field, word) the records that have it and how often, in commit order, so that
// a snapshot's record count bounds what it sees. Deletions are noted per word with their sequence, so that the statistics of every
// snapshot are exact: they count the items that are live in it and nothing else.
//
// Thread safety: words_of() anywhere; reserve(), account(), append() and bury() by the one writer; terms(), length() by any number of
// readers for records that were published to them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/block_array.h"
#include "store/document.h"
#include "text/term_table.h"

namespace sagedb {

// Of one field, over the live items of a snapshot.
struct FieldTotals {
  std::uint64_t items = 0;  // with at least one word in the field
  std::uint64_t words = 0;
};
using TextTotals = std::vector<FieldTotals>;

// The words of one document.
struct DocumentWords {
  struct Entry {
    std::uint64_t hash;
    std::uint32_t field, begin, size, frequency;
  };
  std::string bytes;
  std::vector<Entry> entries;  // distinct words per field
  std::vector<std::uint32_t> lengths;  // words per field
  std::string_view text(const Entry& e) const noexcept { return {bytes.data() + e.begin, e.size}; }
};

class TextIndex {
 public:
  // Paths as in filters. Without any, everything here does nothing.
  explicit TextIndex(std::vector<std::string> fields);
  const std::vector<std::string>& fields() const noexcept { return fields_; }
  bool enabled() const noexcept { return !fields_.empty(); }

  // Throws std::bad_alloc.
  DocumentWords words_of(ValueRef document) const;
  // Calls visit(element, text) for the texts of a field: the string itself (element kNoElement) or the strings of an array.
  static constexpr std::uint32_t kNoElement = 0xFFFFFFFFu;
  template <typename Visit>
  void texts_of(std::uint32_t field, ValueRef document, Visit&& visit) const {
    const ValueRef value = resolve_path(document, fields_[field]);
    if (value.is_string()) return visit(kNoElement, value.string());
    if (!value.is_array()) return;
    ValueRef element = value.first();
    for (std::uint32_t i = 0, n = value.count(); i < n; ++i, element = element.next())
      if (element.is_string()) visit(i, element.string());
  }

  // After reserve(): append() for each of `added`, in ascending record order from `first`, and bury() for each of `died`, in order, cannot
  // fail. Replaces what was reserved before and not used. Throws OUT_OF_MEMORY and changes nothing visible.
  void reserve(const std::vector<DocumentWords>& added, RecordNo first, const std::vector<DocumentWords>& died);
  // Applies what is reserved to the totals of the snapshot before.
  void account(TextTotals* totals) const noexcept;
  void append(RecordNo r) noexcept;
  void bury(Sequence sequence) noexcept;

  TermTable::View terms() const { return terms_.view(); }
  std::uint32_t length(std::uint32_t field, RecordNo r) const noexcept { return (*lengths_[field])[r]; }
  std::size_t bytes() const noexcept;

 private:
  struct Pending {
    std::vector<std::pair<Term*, std::uint32_t>> terms;  // frequency
    std::vector<std::uint32_t> lengths;
  };
  void release() noexcept;

  const std::vector<std::string> fields_;
  BumpArena arena_;
  TermTable terms_;
  std::vector<std::unique_ptr<BlockArray<std::uint32_t>>> lengths_;  // by field
  std::vector<Pending> added_, died_;
  std::size_t next_added_ = 0, next_died_ = 0;
};

}  // namespace sagedb
