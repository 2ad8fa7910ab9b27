#include "storage/record_segment.h"

#include "base/status.h"
#include "storage/endian.h"

namespace sagedb {
namespace {

constexpr std::size_t kEntry = 40;

enum At : std::size_t {
  kAtDeleted = 0,
  kAtId = 8,
  kAtMetadata = 16,
  kAtMetadataSize = 24,
  kAtIdSize = 28,
  kAtRow = 32
};

[[noreturn]] void corrupt(const SegmentReader& file, RecordNo r, const char* what) {
  throw Error(ErrorCode::CORRUPTION, file.path() + ": record " + std::to_string(r) + ": " + what);
}

}  // namespace

void write_records(const RecordStore& from, RecordNo count, Sequence at, SegmentWriter& records, SegmentWriter& text) {
  for (RecordNo r = 0; r < count; ++r) {
    const Record& record = from.record(r);
    const Sequence deleted = record.deleted.load(std::memory_order_acquire);
    const bool live = deleted > at;
    std::uint8_t entry[kEntry] = {};
    put_le(entry + kAtDeleted, live ? kNever : deleted);
    put_le(entry + kAtIdSize, kNumericId);
    put_le(entry + kAtRow, record.row);
    if (live) {
      const IdView id = from.id(r);
      put_le(entry + kAtId, id.is_string ? text.payload_size() : static_cast<std::uint64_t>(id.number));
      if (id.is_string) {
        put_le(entry + kAtIdSize, static_cast<std::uint32_t>(id.text.size()));
        text.append(id.text.data(), id.text.size());
      }
      const std::string_view metadata = from.metadata(r);
      put_le(entry + kAtMetadata, text.payload_size());
      put_le(entry + kAtMetadataSize, static_cast<std::uint32_t>(metadata.size()));
      text.append(metadata.data(), metadata.size());
    }
    records.append(entry, sizeof entry);
  }
}

void read_records(const SegmentReader& records, std::shared_ptr<const SegmentReader> text, Row rows, RecordStore* to) {
  records.verify();
  text->verify();
  const auto count = static_cast<RecordNo>(records.header().count);
  if (records.payload_size() != std::uint64_t{count} * kEntry)
    throw Error(ErrorCode::CORRUPTION, records.path() + ": the count contradicts the length");
  to->ensure(count, rows);
  to->keep(text);
  const char* texts = reinterpret_cast<const char*>(text->payload());
  const auto text_at = [&](RecordNo r, std::uint64_t offset, std::uint32_t size) -> std::string_view {
    if (offset > text->payload_size() || size > text->payload_size() - offset) corrupt(records, r, "text out of range");
    return {texts + offset, size};
  };
  Row known = 0;
  for (RecordNo r = 0; r < count; ++r) {
    const std::byte* entry = records.payload() + std::size_t{r} * kEntry;
    const auto row = get_le<Row>(entry + kAtRow);
    // Rows are numbered in the order of the records that brought them.
    if (row > known || row >= rows) corrupt(records, r, "row out of range");
    const bool new_row = row == known;
    if (new_row) ++known;
    const auto id_size = get_le<std::uint32_t>(entry + kAtIdSize);
    const auto id_bits = get_le<std::uint64_t>(entry + kAtId);
    const IdView id = id_size == kNumericId ? IdView{false, static_cast<std::int64_t>(id_bits), {}}
                                            : IdView{true, 0, text_at(r, id_bits, id_size)};
    const std::string_view metadata =
        text_at(r, get_le<std::uint64_t>(entry + kAtMetadata), get_le<std::uint32_t>(entry + kAtMetadataSize));
    to->restore(r, id, metadata, row, new_row, get_le<Sequence>(entry + kAtDeleted));
  }
  if (known != rows) throw Error(ErrorCode::CORRUPTION, records.path() + ": rows without a record");
}

}  // namespace sagedb
