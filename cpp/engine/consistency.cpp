#include "engine/consistency.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

namespace sagedb {
namespace {

constexpr Row kPiece = 1024;
constexpr Sequence kNow = std::numeric_limits<Sequence>::max();

[[noreturn]] void fail(const std::string& what) { throw Error(ErrorCode::CORRUPTION, what); }

// By the bits of the exponent, since a compiler turns that into vector instructions.
bool all_finite(const float* values, std::uint32_t count) noexcept {
  constexpr std::uint32_t kExponent = 0x7f800000;
  std::uint32_t others = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    others |= (bits & kExponent) == kExponent ? 1u : 0u;
  }
  return others == 0;
}

class ConsistencyCheck {
 public:
  ConsistencyCheck(EngineState& state, std::shared_ptr<const Snapshot> snapshot)
      : state_(state),
        snapshot_(std::move(snapshot)),
        s_(*snapshot_),
        records_(s_.generation->records),
        vector_(longest(state.options)) {}

  // False when a compaction has renumbered the rows meanwhile.
  bool run(const CancelToken* cancel, Progress* progress) {
    for (Row first = 0; first < s_.row_count; first += kPiece) {
      if (cancel != nullptr) cancel->check();
      const Row end = first + std::min(kPiece, s_.row_count - first);
      newest_.clear();
      for (Row row = first; row < end; ++row) check_row(row);
      if (!check_ids()) return false;
      if (progress != nullptr) progress->done += end - first;
    }
    check_counts();
    return true;
  }

 private:
  static std::uint32_t longest(const Options& options) {
    std::uint32_t most = 0;
    for (const SpaceSpec& space : options.spaces) most = std::max(most, space.dimension);
    return most;
  }

  void check_row(Row row) {
    const RecordNo r = records_.record_of(row, s_.record_count);
    if (r == kNoRecord || records_.row(r) != row) fail("row " + std::to_string(row) + " has no record");
    if (!records_.row_live(row, s_.sequence)) return;
    if (!records_.live(r, s_.sequence))
      fail("row " + std::to_string(row) + " is there and its newest record is deleted");
    check_texts(r);
    check_vectors(row);
    newest_.push_back(r);
    ++live_rows_;
  }

  void check_texts(RecordNo r) {
    const Record& record = records_.record(r);
    const std::string name = "record " + std::to_string(r);
    if (record.id_size != kNumericId && records_.id(r).text.size() != record.id_size)
      fail("the id of " + name + " lies outside of the texts");
    if (record.id_size == kNumericId && !is_safe_integer(records_.id(r).number))
      fail("the id of " + name + " is no safe integer");
    const std::string_view metadata = records_.metadata(r);
    if (metadata.size() != record.metadata_size) fail("the metadata of " + name + " lies outside of the texts");
    MetadataStore::prepare_stored(metadata, r);
  }

  void check_vectors(Row row) {
    bool any = false;
    for (SpaceNo s = 0; s < s_.spaces.size(); ++s) {
      if (!s_.has(s, row)) continue;
      any = true;
      const VectorColumn& column = s_.generation->columns[s];
      column.read(row, vector_.data());
      if (!all_finite(vector_.data(), column.vectors.dimension()))
        fail("the vector of row " + std::to_string(row) + " has a component that is no number");
    }
    if (!any) fail("row " + std::to_string(row) + " has no vector");
  }

  bool check_ids() {
    ReadLock lock(state_.store_mutex);
    if (state_.publisher.current()->generation != s_.generation) return false;
    for (const RecordNo r : newest_) {
      // Removed or replaced since the snapshot.
      if (!records_.live(r, kNow)) continue;
      const RecordNo found = state_.ids.find(records_.id(r), records_);
      if (found != r)
        fail("the id of record " + std::to_string(r) +
             (found == kNoRecord ? " is not found" : " is that of record " + std::to_string(found) + ", too"));
    }
    return true;
  }

  void check_counts() const {
    const auto differ = [](const char* of, std::uint64_t counted, std::uint64_t told) {
      if (counted != told) fail(std::to_string(counted) + " " + of + " where " + std::to_string(told) + " are told");
    };
    std::uint64_t live_records = 0;
    for (RecordNo r = 0; r < s_.record_count; ++r) live_records += records_.live(r, s_.sequence) ? 1 : 0;
    differ("live rows", live_rows_, s_.live_count);
    differ("live records", live_records, s_.live_count);
    differ("deleted rows", s_.row_count - live_rows_, s_.dead_rows);
  }

  EngineState& state_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const Snapshot& s_;
  const RecordStore& records_;
  std::vector<RecordNo> newest_;  // of the live rows of one piece
  std::vector<float> vector_;
  std::uint64_t live_rows_ = 0;
};

}  // namespace

void check_consistency(EngineState& state, const CancelToken* cancel, Progress* progress) {
  const std::uint64_t before = progress != nullptr ? progress->done.load() : 0;
  for (;;) {
    std::shared_ptr<const Snapshot> now = state.publisher.current();
    if (progress != nullptr) progress->done = before, progress->total = before + now->row_count;
    if (ConsistencyCheck(state, std::move(now)).run(cancel, progress)) return;
  }
}

}  // namespace sagedb
