#include "engine/row_set.h"

namespace sagedb {
namespace {

template <typename Visit>
void for_each_match(const Snapshot& snapshot, const Filter* filter, const Visit& visit) {
  const RecordStore& records = snapshot.generation->records;
  if (filter == nullptr) {
    for (RecordNo r = 0; r < snapshot.record_count; ++r)
      if (records.live(r, snapshot.sequence)) visit(r);
    return;
  }
  const RecordSet set = evaluate(*filter, snapshot.generation->metadata, snapshot.record_count);
  for (std::size_t w = 0; w < set.words.size(); ++w) {
    for (std::uint64_t bits = set.words[w]; bits != 0; bits &= bits - 1) {
      const auto r = static_cast<RecordNo>(w * 64 + static_cast<unsigned>(__builtin_ctzll(bits)));
      if (records.live(r, snapshot.sequence)) visit(r);
    }
  }
}

}  // namespace

RowSet matching_rows(const Snapshot& snapshot, const Filter& filter) {
  RowSet out;
  out.words.assign((std::size_t{snapshot.row_count} + 63) / 64, 0);
  for_each_match(snapshot, &filter, [&](RecordNo r) {
    const Row row = snapshot.generation->records.row(r);
    out.words[row >> 6] |= std::uint64_t{1} << (row & 63);
    ++out.count;
  });
  return out;
}

RowSet with_vectors(const Snapshot& snapshot, SpaceNo space, const RowSet& rows) {
  const std::uint64_t* const present = snapshot.spaces[space].present->words();
  RowSet out;
  out.words.resize(rows.words.size());
  for (std::size_t w = 0; w < rows.words.size(); ++w) {
    out.words[w] = rows.words[w] & load_word(present + w);
    out.count += static_cast<Row>(__builtin_popcountll(out.words[w]));
  }
  return out;
}

std::vector<RecordNo> matching_records(const Snapshot& snapshot, const Filter* filter) {
  std::vector<RecordNo> out;
  for_each_match(snapshot, filter, [&](RecordNo r) { out.push_back(r); });
  return out;
}

std::uint64_t count_matches(const Snapshot& snapshot, const Filter* filter) {
  if (filter == nullptr) return snapshot.live_count;
  std::uint64_t n = 0;
  for_each_match(snapshot, filter, [&](RecordNo) { ++n; });
  return n;
}

}  // namespace sagedb
