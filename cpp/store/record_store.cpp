#include "store/record_store.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/status.h"

namespace sagedb {

RecordStore::RecordStore(const RecordBase& base)
    : base_records_(base.record_count),
      base_rows_(base.row_count),
      base_heads_(static_cast<const RecordNo*>(base.heads)),
      records_(1024, base.records, base.record_count, base.owner),
      text_(base.text, base.text_size, base.owner) {
  ensure(base.record_count, base.row_count);
}

void RecordStore::ensure(RecordNo records, Row rows) {
  records_.ensure(records);
  deleted_.ensure(records);
  heads_.ensure(rows);
  row_deleted_.ensure(rows);
}

void RecordStore::fail_row(RecordNo r) {
  throw Error(ErrorCode::CORRUPTION, "record " + std::to_string(r) + " names a row that does not exist");
}

RecordNo RecordStore::head(Row row) const noexcept {
  const RecordNo own = heads_[row].load(std::memory_order_acquire);
  if (own != 0 || row >= base_rows_) return own - 1;
  return base_heads_[row] < base_records_ ? base_heads_[row] : kNoRecord;
}

void RecordStore::link(RecordNo r, Row row, bool new_row) noexcept {
  Record& record = records_[r];
  record.row = row;
  record.previous = new_row ? kNoRecord : head(row);
  if (!new_row) moved_head_ = std::min(moved_head_, row);
  // Readers reach a record of an older row through its head before any snapshot names it.
  heads_[row].store(r + 1, std::memory_order_release);
}

void RecordStore::set_id(Record& record, const IdView& id) noexcept {
  record.id_bits = id.is_string ? text_.append(id.text) : static_cast<std::uint64_t>(id.number);
  record.id_size = id.is_string ? static_cast<std::uint32_t>(id.text.size()) : kNumericId;
}

void RecordStore::append(RecordNo r, const IdView& id, std::string_view metadata, Row row, bool new_row) noexcept {
  Record& record = records_[r];
  set_id(record, id);
  record.metadata = text_.append(metadata);
  record.metadata_size = static_cast<std::uint32_t>(metadata.size());
  link(r, row, new_row);
}

void RecordStore::append_version(RecordNo r, RecordNo from, const std::string_view* metadata, Row row,
                                 bool new_row) noexcept {
  const Record& old = records_[from];
  Record& record = records_[r];
  record.id_bits = old.id_bits;
  record.id_size = old.id_size;
  record.metadata = metadata != nullptr ? text_.append(*metadata) : old.metadata;
  record.metadata_size = metadata != nullptr ? static_cast<std::uint32_t>(metadata->size()) : old.metadata_size;
  link(r, row, new_row);
}

IdView RecordStore::id(RecordNo r) const noexcept {
  const Record& record = records_[r];
  if (record.id_size == kNumericId) return IdView{false, static_cast<std::int64_t>(record.id_bits), {}};
  return IdView{true, 0, text_.at(record.id_bits, record.id_size)};
}

RecordNo RecordStore::record_of(Row row, RecordNo record_count) const {
  RecordNo r = head(row);
  while (r != kNoRecord && r >= record_count && r >= base_records_) r = records_[r].previous;
  // Every snapshot covers the whole base.
  if (row < base_rows_ && (r == kNoRecord || records_[r].row != row))
    throw Error(ErrorCode::CORRUPTION, "row " + std::to_string(row) + " has no record");
  return r;
}

Row RecordStore::take_moved_head() noexcept { return std::exchange(moved_head_, kNoRow); }

}  // namespace sagedb
