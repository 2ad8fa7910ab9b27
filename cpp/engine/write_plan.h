// What a group of write operations will do, decided before anything is changed.
//
// Thread safety: used by the one thread that holds EngineState::writer_mutex.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/engine_state.h"

namespace sagedb {

// A write operation after the checks that need no lock.
struct PreparedOp {
  WriteOp* op = nullptr;
  std::vector<float> norms;  // cosine: lengths before normalisation, space_count per row
  std::vector<std::size_t> offsets;  // named spaces: where in op->vectors each row begins
  std::vector<MetadataStore::Prepared> metadata;  // parsed; empty when the op gives none

  std::size_t offset(std::size_t row, const Options& options) const noexcept {
    return offsets.empty() ? row * options.dimension : offsets[row];
  }
  SpaceSet given(std::size_t row) const noexcept { return op->given.empty() ? 1 : op->given[row]; }
};

// Fills in `offsets` and makes room for `norms`.
void locate_rows(PreparedOp* op, const Options& options);

// Checks vectors and ids, normalises in place under cosine, parses metadata. Uses up to `threads` threads. Throws typed errors.
PreparedOp prepare_op(WriteOp& op, const Options& options, int threads);

struct PlannedChange {
  enum class Kind : std::uint8_t { put, remove };
  Kind kind = Kind::put;
  bool new_row = false;  // put: the vector is new
  bool new_text = false;  // put: the metadata is new
  RecordNo record = kNoRecord;  // put: the record to append
  RecordNo replaces = kNoRecord;  // put: the version it supersedes, or kNoRecord; remove: the record removed
  Row row = kNoRow;  // put: its row
  Row old_row = kNoRow;  // row of the superseded or removed version
  // Put with new_row: the vectors of `given`, one after the other; the row has those of `spaces`, and the others come from old_row.
  const float* vector = nullptr;
  const float* norms = nullptr;  // cosine: one per space
  SpaceSet given = 0, spaces = 0;
  IdView id;
  std::string_view text;  // put: metadata text, also when kept
  Sequence sequence = 0;
};

class WritePlan {
 public:
  WritePlan(EngineState& state, std::shared_ptr<const Snapshot> base)
      : state_(state), base_(std::move(base)), absent_(base_->spaces.size(), 0) {}

  // Adds one operation. Throws a typed error: consistent() then tells whether the plan is as it was before (the op was refused) or
  // memory ran out half way (the plan must be dropped). `single` says that the plan will hold this op only, which spares the
  // bookkeeping of ids touched by earlier ones. The caller holds the writer mutex.
  void stage(PreparedOp& op, OpResult& result, bool single) EXCLUDES(state_.store_mutex);
  // Replay: the operation that is staged next gets sequence base + `offset` + 1.
  void skip_to(Sequence offset) noexcept { ops_ = offset; }
  // Tombstones for these live records of the base snapshot. `single`: as for stage().
  void stage_removals(const std::vector<RecordNo>& records, bool single);

  bool consistent() const noexcept { return consistent_; }
  const std::vector<PlannedChange>& changes() const noexcept { return changes_; }
  std::vector<MetadataStore::Prepared>& metadata() noexcept { return metadata_; }
  const std::shared_ptr<const Snapshot>& base() const noexcept { return base_; }
  const Options& options() const noexcept { return state_.options; }
  Row new_rows() const noexcept { return new_rows_; }
  Row absent(SpaceNo space) const noexcept { return absent_[space]; }
  RecordNo new_records() const noexcept { return static_cast<RecordNo>(puts_.size()); }
  std::size_t text_bytes() const noexcept { return text_bytes_; }
  Sequence sequence() const noexcept { return base_->sequence + ops_; }
  std::int64_t next_id() const noexcept { return next_id_; }
  bool far_ids() const noexcept { return far_ids_; }

 private:
  struct IdHash {
    std::size_t operator()(const IdView& id) const noexcept { return hash_id(id); }
  };
  RecordNo find(const IdView& id) const REQUIRES_SHARED(state_.store_mutex);
  Row row_of(RecordNo r) const;
  SpaceSet spaces_of(RecordNo r) const;
  std::string_view text_of(RecordNo r) const noexcept;
  std::int64_t assign(std::size_t count) REQUIRES(state_.writer_mutex) REQUIRES_SHARED(state_.store_mutex);
  void note_number(const IdView& id) noexcept;
  void stage_puts(PreparedOp& op, OpResult& result) REQUIRES(state_.writer_mutex) REQUIRES_SHARED(state_.store_mutex);
  void stage_updates(PreparedOp& op, OpResult& result) REQUIRES_SHARED(state_.store_mutex);
  void stage_removes(const WriteOp& op, OpResult& result) REQUIRES_SHARED(state_.store_mutex);
  void give_vectors(const PreparedOp& op, std::size_t i, PlannedChange* change) const;
  void put(PlannedChange change, MetadataStore::Prepared metadata);
  void remove(const IdView& id, RecordNo r);
  void check_room(std::size_t records) const;

  EngineState& state_;
  const std::shared_ptr<const Snapshot> base_;
  std::vector<PlannedChange> changes_;
  std::vector<std::size_t> puts_;  // position in changes_ of planned record base.record_count + i
  std::vector<MetadataStore::Prepared> metadata_;
  std::unordered_map<IdView, RecordNo, IdHash> touched_;  // newest version of ids that this plan changed
  bool track_ = true;
  bool consistent_ = true;
  Row new_rows_ = 0;
  std::vector<Row> absent_;  // by space: new rows without a vector
  std::size_t text_bytes_ = 0;
  Sequence ops_ = 0;
  bool started_ = false;
  std::int64_t next_id_ = 0;
  bool far_ids_ = false;
};

}  // namespace sagedb
