#include "engine/compactor.h"

#include "engine/build_job.h"
#include "engine/text_writes.h"

namespace sagedb {
namespace {

// A final round of this many changes holds the locks for well under a millisecond of copying.
constexpr std::size_t kSmallRound = 256;
constexpr int kMaxRounds = 12;
constexpr Row kCheckEvery = 4096;
// Saturated share of components above which the codec no longer fits the data.
constexpr double kSaturationLimit = 0.005;

}  // namespace

void Compactor::run() {
  begin();
  try {
    copy_live_rows();
    cut_index();
    for (int round = 0; round < kMaxRounds; ++round) {
      if (context_.cancel != nullptr) context_.cancel->check();
      std::shared_ptr<const Snapshot> now;
      Deletions deletions;
      {
        FifoLock lock(state_.writer_mutex);
        now = current();
        deletions.swap(journal_.deleted);
      }
      const std::size_t left = (now->record_count - record_map_.size()) + deletions.size();
      replay(*now, deletions);
      if (left <= kSmallRound) break;
    }
    finish();
  } catch (...) {
    stop_journal();
    throw;
  }
}

// A read-only engine may have taken over another generation meanwhile: its rows are numbered differently.
std::shared_ptr<const Snapshot> Compactor::current() const {
  std::shared_ptr<const Snapshot> now = state_.publisher.current();
  if (now->generation != base_->generation)
    throw Error(ErrorCode::ABORTED, "the data was replaced during the compaction");
  return now;
}

void Compactor::begin() {
  FifoLock lock(state_.writer_mutex);
  state_.journal = &journal_;
  base_ = state_.publisher.current();
}

void Compactor::stop_journal() {
  FifoLock lock(state_.writer_mutex);
  state_.journal = nullptr;
}

// Appends a copy of record r to the new generation; record_map_ grows by one entry by the caller.
void Compactor::append(const Generation& from, RecordNo r, bool new_row) {
  const Row old_row = from.records.row(r);
  const IdView id = from.records.id(r);
  const std::string_view text = from.records.metadata(r);
  Generation& g = *generation_;
  MetadataStore::Prepared metadata = MetadataStore::prepare(text);
  const Row row = new_row ? rows_ : row_map_[old_row];
  g.records.ensure(records_ + 1, row + 1);
  g.records.reserve_text(text.size() + id.text.size());
  g.metadata.reserve(&metadata, 1, records_);
  if (g.text.enabled()) g.text.reserve({words_of(from, r)}, records_, {});
  ids_.reserve({id});
  if (new_row) {
    g.vectors.ensure(row + 1);
    g.vectors.copy(row, from.vectors, old_row);
    if (state_.options.metric == Metric::cosine) {
      g.norms.ensure(row + 1);
      g.norms[row] = from.norms[old_row];
    }
    row_map_[old_row] = row;
    ++rows_;
  }
  g.records.append(records_, id, text, row, new_row);
  g.metadata.append(records_, metadata);
  g.text.append(records_);
  ids_.put(id, records_, g.records);
  ++records_;
}

void Compactor::copy_live_rows() {
  const Generation& from = *base_->generation;
  generation_ =
      std::make_shared<Generation>(state_.options.dimension, state_.options.vectors, state_.options.text_fields);
  row_map_.assign(base_->row_count, kNoRow);
  record_map_.assign(base_->record_count, kNoRecord);
  if (context_.progress != nullptr) context_.progress->total = base_->row_count;
  for (Row row = 0; row < base_->row_count; ++row) {
    if (row % kCheckEvery == 0) {
      if (context_.cancel != nullptr) context_.cancel->check();
      if (context_.progress != nullptr) context_.progress->done = row;
    }
    if (!from.records.row_live(row, base_->sequence)) continue;
    const RecordNo r = from.records.record_of(row, base_->record_count);
    record_map_[r] = records_;
    append(from, r, true);
  }
  if (!base_->codes) return;
  const bool drifted = base_->codes->saturated() > kSaturationLimit && rows_ > 0;
  codes_ = std::make_shared<CodeStore>(drifted ? Codec::train(generation_->vectors, state_.options.metric, rows_)
                                               : base_->codes->codec());
  codes_->ensure(rows_);
  encode_rows(*codes_, generation_->vectors, 0, rows_, context_.threads);
}

void Compactor::cut_index() {
  if (!base_->index) return;
  RowRemap remap;
  remap.new_row.assign(row_map_.begin(), row_map_.begin() + base_->indexed_rows());
  for (const Row r : remap.new_row)
    if (r != kNoRow) ++remap.new_count;
  index_ = state_.algorithm->compact(base_->space(state_.options.metric), base_->index, remap, context_);
}

void Compactor::replay_record(const Snapshot& now, RecordNo r) {
  const Row old_row = now.generation->records.row(r);
  const bool new_row = row_map_[old_row] == kNoRow;
  record_map_.push_back(records_);
  append(*now.generation, r, new_row);
  if (!new_row || !codes_) return;
  codes_->ensure(rows_);
  codes_->encode(generation_->vectors, rows_ - 1, rows_);
}

void Compactor::replay_deletion(const Snapshot& now, const CompactionJournal::Entry& entry) {
  RecordStore& to = generation_->records;
  const RecordNo r = record_map_[entry.record];
  if (generation_->text.enabled()) generation_->text.reserve({}, records_, {words_of(*generation_, r)});
  to.mark_deleted(r, entry.sequence);
  generation_->text.bury(entry.sequence);
  const IdView id = to.id(r);
  if (ids_.find(id, to) == r) ids_.erase(id, to);
  const Row row = to.row(r);
  const Sequence died =
      now.generation->records.row_deleted()[now.generation->records.row(entry.record)].load(std::memory_order_acquire);
  // A metadata update ends a record but not its row.
  if (died == kNever || to.row_deleted()[row].load(std::memory_order_relaxed) != kNever) return;
  to.mark_row_deleted(row, died);
  ++dead_rows_;
}

void Compactor::replay(const Snapshot& now, const Deletions& deletions) {
  row_map_.resize(now.row_count, kNoRow);
  record_map_.reserve(now.record_count);
  for (auto r = static_cast<RecordNo>(record_map_.size()); r < now.record_count; ++r) replay_record(now, r);
  for (const CompactionJournal::Entry& entry : deletions) replay_deletion(now, entry);
}

void Compactor::finish() {
  FifoLock lock(state_.writer_mutex);
  const std::shared_ptr<const Snapshot> now = current();
  replay(*now, journal_.deleted);
  if (ids_.size() != now->live_count)
    throw Error(ErrorCode::INTERNAL, "compaction found " + std::to_string(ids_.size()) + " live items, expected " +
                                         std::to_string(now->live_count));
  switch_generation(*now);
  state_.journal = nullptr;
}

void Compactor::switch_generation(const Snapshot& now) {
  auto next = std::make_shared<Snapshot>(now);
  next->generation = generation_;
  next->codes = codes_;
  next->index = index_;
  next->row_count = rows_;
  next->record_count = records_;
  next->dead_rows = dead_rows_;
  next->dead_indexed = 0;
  for (Row r = 0; r < next->indexed_rows(); ++r)
    if (!generation_->records.row_live(r, now.sequence)) ++next->dead_indexed;
  ++next->version;
  auto publication = state_.publisher.prepare(std::shared_ptr<const Snapshot>(std::move(next)));
  WriteLock lock(state_.store_mutex);
  std::swap(state_.ids, ids_);
  state_.publisher.publish(std::move(publication));
}

}  // namespace sagedb
