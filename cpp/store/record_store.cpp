#include "store/record_store.h"

namespace sagedb {

void RecordStore::ensure(RecordNo records, Row rows) {
  records_.ensure(records);
  row_head_.ensure(rows);
  row_deleted_.ensure(rows);
}

void RecordStore::link(RecordNo r, Row row, bool new_row) noexcept {
  Record& record = records_[r];
  record.row = row;
  record.previous = new_row ? kNoRecord : row_head_[row].load(std::memory_order_relaxed);
  record.deleted.store(kNever, std::memory_order_relaxed);
  if (new_row) row_deleted_[row].store(kNever, std::memory_order_relaxed);
  // Readers reach a record of an older row through its head before any snapshot names it.
  row_head_[row].store(r, std::memory_order_release);
}

void RecordStore::set_id(Record& record, const IdView& id, const char* text) noexcept {
  record.id_bits = id.is_string ? reinterpret_cast<std::uint64_t>(text) : static_cast<std::uint64_t>(id.number);
  record.id_size = id.is_string ? static_cast<std::uint32_t>(id.text.size()) : kNumericId;
}

void RecordStore::append(RecordNo r, const IdView& id, std::string_view metadata, Row row, bool new_row) noexcept {
  Record& record = records_[r];
  set_id(record, id, id.is_string ? text_.append(id.text) : nullptr);
  record.metadata = text_.append(metadata);
  record.metadata_size = static_cast<std::uint32_t>(metadata.size());
  link(r, row, new_row);
}

void RecordStore::restore(RecordNo r, const IdView& id, std::string_view metadata, Row row, bool new_row,
                          Sequence deleted) noexcept {
  Record& record = records_[r];
  set_id(record, id, id.text.data());
  record.metadata = metadata.data();
  record.metadata_size = static_cast<std::uint32_t>(metadata.size());
  link(r, row, new_row);
  record.deleted.store(deleted, std::memory_order_relaxed);
  // A row lives as long as its newest version.
  row_deleted_[row].store(deleted, std::memory_order_relaxed);
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
  return IdView{true, 0, {reinterpret_cast<const char*>(record.id_bits), record.id_size}};
}

RecordNo RecordStore::record_of(Row row, RecordNo record_count) const noexcept {
  RecordNo r = row_head_[row].load(std::memory_order_acquire);
  while (r != kNoRecord && r >= record_count) r = records_[r].previous;
  return r;
}

}  // namespace sagedb
