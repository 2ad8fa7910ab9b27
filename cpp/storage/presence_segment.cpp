#include "storage/presence_segment.h"

#include "base/status.h"
#include "storage/endian.h"

namespace sagedb {

void write_present(const Presence& from, Row rows, SegmentWriter& out) {
  for (Row first = 0; first < rows; first += 64) {
    std::uint64_t word = load_word(from.words() + first / 64);
    // Bits of rows that are not published are nobody's.
    if (rows - first < 64) word &= (std::uint64_t{1} << (rows - first)) - 1;
    out.append(&word, sizeof word);
  }
}

std::shared_ptr<Presence> read_present(const SegmentReader& file, Row rows) {
  file.verify();
  const std::uint64_t words = (std::uint64_t{rows} + 63) / 64;
  if (file.payload_size() != words * 8)
    throw Error(ErrorCode::CORRUPTION, file.path() + ": the length contradicts the counts");
  auto map = std::make_shared<Presence>(rows);
  for (std::uint64_t w = 0; w < words; ++w) map->words()[w] = get_le<std::uint64_t>(file.payload() + w * 8);
  const Row rest = rows % 64;
  if ((rest != 0 && map->words()[words - 1] >> rest != 0) || map->count(rows) != file.header().count)
    throw Error(ErrorCode::CORRUPTION, file.path() + ": a vector of a row that does not exist");
  return map;
}

}  // namespace sagedb
