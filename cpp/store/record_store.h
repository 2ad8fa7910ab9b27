// Versions of items: one record per (id, metadata, row) combination, appended in commit order.
//
// An insert appends a record and a row. A metadata update appends a record that points at the same row. A vector update appends a record
// and a row. Removal and replacement set `deleted` of the old record to the committing sequence. So a snapshot
// (sequence S, record count R, row count N) sees exactly the records r < R that live at S, without copying anything.
//
// Records, texts and the newest record of each row may have a base that is read in place from mapped segments. Tombstones and what changed since are kept
// in memory whose untouched pages cost nothing: zero says «alive» and «as in the base».
//
// Thread safety: one writer; readers read records below their snapshot's count. Tombstones and heads are atomics.
#pragma once

#include <atomic>
#include <memory>
#include <string_view>

#include "base/block_array.h"
#include "base/types.h"
#include "kernels/prefetch.h"
#include "store/external_id.h"
#include "store/text_store.h"

namespace sagedb {

inline constexpr std::uint32_t kNumericId = 0xffffffffu;

// Immutable; the bytes of an entry of a RECS segment.
struct Record {
  std::uint64_t id_bits;  // the number, or the place of the text
  std::uint64_t metadata;  // place of the JSON text
  std::uint32_t metadata_size;  // 0 reads as {}
  std::uint32_t id_size;  // kNumericId, or bytes of a string id
  Row row;
  RecordNo previous;  // older record of the same row, or kNoRecord
};
static_assert(sizeof(Record) == 32, "records are read in place from files");

// Where the records of a file stand. Their numbers are checked when they are used, not before.
struct RecordBase {
  const void* records = nullptr;
  RecordNo record_count = 0;
  const void* heads = nullptr;  // newest record of each row, 4 bytes
  Row row_count = 0;
  const void* text = nullptr;
  std::uint64_t text_size = 0;
  std::shared_ptr<const void> owner;
};

class RecordStore {
 public:
  RecordStore() = default;
  explicit RecordStore(const RecordBase& base);

  // Throws OUT_OF_MEMORY; changes nothing visible.
  void ensure(RecordNo records, Row rows);
  void reserve_text(std::size_t bytes) { text_.reserve(bytes); }
  // For a store without texts, see TextStore::begin_in().
  void begin_text_in(std::shared_ptr<std::byte> pages, std::size_t size) noexcept {
    text_.begin_in(std::move(pages), size);
  }

  // Cannot throw after ensure() and reserve_text(). `metadata` may be empty. Links the record as the head of its row; `new_row` says
  // that the row itself is new.
  void append(RecordNo r, const IdView& id, std::string_view metadata, Row row, bool new_row) noexcept;
  // A record that shares the id and (unless given) the metadata text of `from`: updates copy no text they keep.
  void append_version(RecordNo r, RecordNo from, const std::string_view* metadata, Row row, bool new_row) noexcept;

  const Record& record(RecordNo r) const noexcept { return records_[r]; }
  // Throws CORRUPTION when a record of the base names no row of it.
  Row row(RecordNo r) const {
    const Row row = records_[r].row;
    if (r < base_records_ && row >= base_rows_) fail_row(r);
    return row;
  }
  IdView id(RecordNo r) const noexcept;
  // A hit costs a cache miss for the newest record of its row and one for the record: those of several hits are asked for at once. Until
  // something is updated or removed and added again, a row and its record have the same number.
  void prefetch_newest(Row row) const noexcept {
    prefetch_line(&heads_[row]);
    if (row < base_rows_) prefetch_line(base_heads_ + row);
    prefetch_line(&records_[row]);
  }
  void prefetch(RecordNo r) const noexcept { prefetch_line(&records_[r]); }
  std::string_view metadata(RecordNo r) const noexcept {
    return text_.at(records_[r].metadata, records_[r].metadata_size);
  }

  void mark_deleted(RecordNo r, Sequence s) noexcept { deleted_[r].store(s, std::memory_order_release); }
  void mark_row_deleted(Row row, Sequence s) noexcept { row_deleted_[row].store(s, std::memory_order_release); }
  bool live(RecordNo r, Sequence s) const noexcept { return lives_at(deleted_[r].load(std::memory_order_acquire), s); }
  bool row_live(Row row, Sequence s) const noexcept {
    return lives_at(row_deleted_[row].load(std::memory_order_acquire), s);
  }
  // Newest record of `row` below `record_count`. Throws CORRUPTION when the base is damaged.
  RecordNo record_of(Row row, RecordNo record_count) const;
  const BlockArray<std::atomic<Sequence>>& row_deleted() const noexcept { return row_deleted_; }

  // For the writer: the first row below `rows` whose newest record changed since the last call, or kNoRow.
  Row take_moved_head() noexcept;
  const TextStore& text() const noexcept { return text_; }
  std::size_t bytes() const noexcept {
    return records_.bytes() + deleted_.bytes() + heads_.bytes() + row_deleted_.bytes();
  }

 private:
  [[noreturn]] static void fail_row(RecordNo r);
  RecordNo head(Row row) const noexcept;
  void set_id(Record& record, const IdView& id) noexcept;
  void link(RecordNo r, Row row, bool new_row) noexcept;

  const RecordNo base_records_ = 0;
  const Row base_rows_ = 0;
  const RecordNo* const base_heads_ = nullptr;
  BlockArray<Record> records_{1024};
  BlockArray<std::atomic<Sequence>> deleted_{1024};
  BlockArray<std::atomic<RecordNo>> heads_{1024};  // record + 1; 0: as in the base
  BlockArray<std::atomic<Sequence>> row_deleted_{1024};
  TextStore text_;
  Row moved_head_ = kNoRow;
};

}  // namespace sagedb
