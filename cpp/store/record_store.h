// Versions of items: one record per (id, metadata, row) combination, appended in commit order.
//
// An insert appends a record and a row. A metadata update appends a record that points at the same row. A vector update appends a record
// and a row. Removal and replacement set `deleted` of the old record to the committing sequence. So a snapshot
// (sequence S, record count R, row count N) sees exactly the records r < R with deleted > S, without copying anything.
//
// Thread safety: one writer; readers read records below their snapshot's count. `deleted` and `head` are atomics.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>

#include "base/block_array.h"
#include "base/types.h"
#include "store/arena.h"
#include "store/external_id.h"

namespace sagedb {

inline constexpr std::uint32_t kNumericId = 0xffffffffu;

struct Record {
  std::atomic<Sequence> deleted;  // kNever while live
  std::uint64_t id_bits;  // the number, or the address of the text
  const char* metadata;  // JSON text, not terminated; null reads as {}
  std::uint32_t metadata_size;
  std::uint32_t id_size;  // kNumericId, or bytes of a string id
  Row row;
  RecordNo previous;  // older record of the same row, or kNoRecord
};

class RecordStore {
 public:
  RecordStore() = default;

  // Throws OUT_OF_MEMORY; changes nothing visible.
  void ensure(RecordNo records, Row rows);
  void reserve_text(std::size_t bytes) { text_.reserve(bytes); }

  // Cannot throw after ensure() and reserve_text(). `metadata` may be empty. Links the record as the head of its row; `new_row` says
  // that the row itself is new.
  void append(RecordNo r, const IdView& id, std::string_view metadata, Row row, bool new_row) noexcept;
  // A record that shares the id and (unless given) the metadata text of `from`: updates copy no text they keep.
  void append_version(RecordNo r, RecordNo from, const std::string_view* metadata, Row row, bool new_row) noexcept;

  // As append(), for a record read from a file: the texts stay where they are, in memory that keep() holds.
  void restore(RecordNo r, const IdView& id, std::string_view metadata, Row row, bool new_row,
               Sequence deleted) noexcept;
  void keep(std::shared_ptr<const void> owner) { owner_ = std::move(owner); }

  const Record& record(RecordNo r) const noexcept { return records_[r]; }
  IdView id(RecordNo r) const noexcept;
  std::string_view metadata(RecordNo r) const noexcept { return {records_[r].metadata, records_[r].metadata_size}; }

  void mark_deleted(RecordNo r, Sequence s) noexcept { records_[r].deleted.store(s, std::memory_order_release); }
  void mark_row_deleted(Row row, Sequence s) noexcept { row_deleted_[row].store(s, std::memory_order_release); }
  bool live(RecordNo r, Sequence s) const noexcept { return records_[r].deleted.load(std::memory_order_acquire) > s; }
  // Newest record of `row` below `record_count`.
  RecordNo record_of(Row row, RecordNo record_count) const noexcept;
  const BlockArray<std::atomic<Sequence>>& row_deleted() const noexcept { return row_deleted_; }
  std::size_t text_bytes() const noexcept { return text_.used(); }
  std::size_t bytes() const noexcept { return records_.bytes() + row_head_.bytes() + row_deleted_.bytes(); }

 private:
  static void set_id(Record& record, const IdView& id, const char* text) noexcept;
  void link(RecordNo r, Row row, bool new_row) noexcept;

  BlockArray<Record> records_{1024};
  BlockArray<std::atomic<RecordNo>> row_head_{1024};
  BlockArray<std::atomic<Sequence>> row_deleted_{1024};
  Arena text_;
  std::shared_ptr<const void> owner_;
};

}  // namespace sagedb
