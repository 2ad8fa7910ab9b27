#include "storage/dead_segment.h"

#include "base/status.h"
#include "storage/endian.h"

namespace sagedb {
namespace {

std::uint64_t words(std::uint64_t bits) noexcept { return (bits + 63) / 64; }

template <typename Dead>
void write_bits(std::uint32_t count, SegmentWriter& out, const Dead& dead) {
  for (std::uint32_t first = 0; first < count;) {
    std::uint64_t word = 0;
    for (std::uint32_t bit = 0; bit < 64 && first < count; ++bit, ++first) word |= std::uint64_t{dead(first)} << bit;
    out.append(&word, sizeof word);
  }
}

// Calls visit(number) for every set bit; returns false when one is not below `count`.
template <typename Visit>
bool read_bits(const std::byte* from, std::uint32_t count, const Visit& visit) {
  for (std::uint64_t w = 0; w < words(count); ++w) {
    for (auto bits = get_le<std::uint64_t>(from + w * 8); bits != 0; bits &= bits - 1) {
      const std::uint64_t number = w * 64 + static_cast<unsigned>(__builtin_ctzll(bits));
      if (number >= count) return false;
      visit(static_cast<std::uint32_t>(number));
    }
  }
  return true;
}

}  // namespace

void write_dead(const RecordStore& from, Row rows, RecordNo records, Sequence at, SegmentWriter& out) {
  write_bits(rows, out, [&](std::uint32_t row) { return !from.row_live(row, at); });
  write_bits(records, out, [&](std::uint32_t r) { return !from.live(r, at); });
}

DeadCounts read_dead(const SegmentReader& file, Row rows, RecordNo records, Sequence at, Row below, RecordStore* to) {
  file.verify();
  if (file.payload_size() != (words(rows) + words(records)) * 8)
    throw Error(ErrorCode::CORRUPTION, file.path() + ": the length contradicts the counts");
  DeadCounts out;
  bool good = read_bits(file.payload(), rows, [&](Row row) {
    to->mark_row_deleted(row, at);
    ++out.rows;
    if (row < below) ++out.rows_below;
  });
  good = read_bits(file.payload() + words(rows) * 8, records,
                   [&](RecordNo r) {
                     to->mark_deleted(r, at);
                     ++out.records;
                   }) &&
         good;
  if (!good) throw Error(ErrorCode::CORRUPTION, file.path() + ": a tombstone of something that does not exist");
  return out;
}

}  // namespace sagedb
