#include "engine/compactor.h"

#include "engine/build_job.h"
#include "engine/storage.h"
#include "engine/text_writes.h"

namespace sagedb {
namespace {

constexpr Row kCheckEvery = 4096;
// Saturated share of components above which the codec no longer fits the data.
constexpr double kSaturationLimit = 0.005;

}  // namespace

void Compactor::run() {
  ChangeFeed feed(state_);
  base_ = feed.base();
  copy_live_rows();
  cut_index();
  const auto replay = [this](const Snapshot& now, const ChangeFeed::Deletions& deletions) {
    replay_changes(now, deletions);
  };
  feed.catch_up(context_.cancel, replay);
  FifoLock lock(state_.writer_mutex);
  const std::shared_ptr<const Snapshot> now = feed.finish(lock, replay);
  if (ids_.size() != now->live_count)
    throw Error(ErrorCode::INTERNAL, "compaction found " + std::to_string(ids_.size()) + " live items, expected " +
                                         std::to_string(now->live_count));
  switch_generation(*now);
}

// Appends a copy of record r to the new generation; record_map_ grows by one entry by the caller.
void Compactor::append(const Snapshot& snapshot, RecordNo r, bool new_row) {
  const Generation& from = *snapshot.generation;
  const Row old_row = from.records.row(r);
  const IdView id = from.records.id(r);
  const std::string_view text = from.records.metadata(r);
  Generation& g = *generation_;
  MetadataStore::Prepared metadata = MetadataStore::prepare_stored(text, r);
  const Row row = new_row ? rows_ : row_map_[old_row];
  g.records.ensure(records_ + 1, row + 1);
  g.records.reserve_text(text.size() + id.text.size());
  g.metadata.reserve(&metadata, 1, records_);
  if (text_->enabled()) {
    text_->reserve({words_of(*text_, from, r)}, records_, {});
    text_->account(&text_totals_);
  }
  ids_.reserve({id});
  if (new_row) {
    copy_vectors(snapshot, old_row, row);
    row_map_[old_row] = row;
    ++rows_;
  }
  g.records.append(records_, id, text, row, new_row);
  g.metadata.append(records_, metadata);
  text_->append(records_);
  ids_.put(id, records_, g.records);
  ++records_;
}

void Compactor::copy_vectors(const Snapshot& from, Row old_row, Row row) {
  generation_->ensure_vectors(row + 1);
  for (SpaceNo s = 0; s < spaces_.size(); ++s) {
    SpaceState& space = spaces_[s];
    const bool has = from.has(s, old_row);
    if (!has || space.present) space.present = with_room(space.present, row, row + 1);
    if (space.present) space.present->put(row, has);
    if (has) {
      generation_->columns[s].copy(row, from.generation->columns[s], old_row);
    } else {
      ++space.absent;
    }
  }
}

// Codes of all rows copied so far: of the same codec, unless it no longer fits the data.
void Compactor::make_codes(SpaceNo s) {
  SpaceState& space = spaces_[s];
  const VectorColumn& column = generation_->columns[s];
  const std::shared_ptr<CodeStore>& old = base_->spaces[s].codes;
  if (!old) return;
  const std::uint64_t* present = space.absent > 0 ? space.present->words() : nullptr;
  const bool drifted = old->saturated() > kSaturationLimit && rows_ > space.absent;
  space.codes =
      std::make_shared<CodeStore>(drifted ? Codec::train(column.vectors, present, column.metric, rows_) : old->codec());
  if (codes_room_[s]) space.codes->begin_in(std::move(codes_room_[s]), live_);
  space.codes->ensure(rows_);
  encode_rows(*space.codes, SpaceView{&column.vectors, nullptr, column.metric, present}, 0, rows_, context_.threads);
}

// Texts, vectors and codes of what is copied, when that is more than may be in memory, stand in pages that the system can write out.
void Compactor::make_room() {
  if (!state_.storage) return;
  Storage& storage = *state_.storage;
  const RecordStore& records = base_->generation->records;
  live_ = base_->row_count - base_->dead_rows;
  std::uint64_t rows = std::uint64_t{live_} * generation_->stride();
  for (const SpaceState& space : base_->spaces)
    if (space.codes) rows += std::uint64_t{live_} * space.codes->stride();
  // Most databases fit with the texts of what is dead, too, and need not be read for it.
  if (storage.copies_in_memory(rows + records.text().end())) return;
  std::uint64_t text = 0;
  for (Row row = 0; row < base_->row_count; ++row) {
    if (!records.row_live(row, base_->sequence)) continue;
    const Record& record = records.record(records.record_of(row, base_->record_count));
    text += record.metadata_size + (record.id_size == kNumericId ? 0 : record.id_size);
  }
  if (storage.copies_in_memory(rows + text)) return;
  if (std::shared_ptr<std::byte> pages = storage.scratch(text))
    generation_->records.begin_text_in(std::move(pages), static_cast<std::size_t>(text));
  for (SpaceNo s = 0; s < spaces_.size(); ++s) {
    VectorStore& vectors = generation_->columns[s].vectors;
    if (std::shared_ptr<std::byte> pages = storage.scratch(std::uint64_t{live_} * vectors.stride()))
      vectors.begin_in(std::move(pages), live_);
    const CodeStore* const codes = base_->spaces[s].codes.get();
    if (codes != nullptr) codes_room_[s] = storage.scratch(std::uint64_t{live_} * codes->stride());
  }
}

void Compactor::copy_live_rows() {
  const Generation& from = *base_->generation;
  generation_ = std::make_shared<Generation>(state_.options);
  spaces_.resize(base_->spaces.size());
  codes_room_.resize(spaces_.size());
  make_room();
  text_ = std::make_shared<TextIndex>(state_.options.text_fields);
  text_totals_.resize(state_.options.text_fields.size());
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
    append(*base_, r, true);
  }
  for (SpaceNo s = 0; s < spaces_.size(); ++s) make_codes(s);
}

void Compactor::cut_index() {
  if (!base_->spaces[0].index) return;
  RowRemap remap;
  remap.new_row.assign(row_map_.begin(), row_map_.begin() + base_->indexed_rows());
  for (const Row r : remap.new_row)
    if (r != kNoRow) ++remap.new_count;
  for (SpaceNo s = 0; s < spaces_.size(); ++s)
    spaces_[s].index = state_.algorithm->compact(base_->view(s), base_->spaces[s].index, remap, context_);
}

void Compactor::replay_record(const Snapshot& now, RecordNo r) {
  const Row old_row = now.generation->records.row(r);
  const bool new_row = row_map_[old_row] == kNoRow;
  record_map_.push_back(records_);
  append(now, r, new_row);
  for (SpaceNo s = 0; new_row && s < spaces_.size(); ++s) {
    const SpaceState& space = spaces_[s];
    if (!space.codes) continue;
    space.codes->ensure(rows_);
    if (now.has(s, old_row)) space.codes->encode(generation_->columns[s].vectors, rows_ - 1, rows_);
  }
}

void Compactor::replay_deletion(const Snapshot& now, const ChangeJournal::Entry& entry) {
  RecordStore& to = generation_->records;
  const RecordNo r = record_map_[entry.record];
  if (text_->enabled()) {
    text_->reserve({}, records_, {words_of(*text_, *generation_, r)});
    text_->account(&text_totals_);
  }
  to.mark_deleted(r, entry.sequence);
  text_->bury(entry.sequence);
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

void Compactor::replay_changes(const Snapshot& now, const ChangeFeed::Deletions& deletions) {
  row_map_.resize(now.row_count, kNoRow);
  record_map_.reserve(now.record_count);
  for (auto r = static_cast<RecordNo>(record_map_.size()); r < now.record_count; ++r) replay_record(now, r);
  for (const ChangeJournal::Entry& entry : deletions) replay_deletion(now, entry);
}

void Compactor::switch_generation(const Snapshot& now) {
  auto next = std::make_shared<Snapshot>(now);
  next->generation = generation_;
  next->text_index = text_;
  next->text = text_totals_;
  for (SpaceNo s = 0; s < spaces_.size(); ++s) {
    spaces_[s].recall = now.spaces[s].recall;
    next->spaces[s] = spaces_[s];
  }
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
  publishing_();
  state_.publisher.publish(std::move(publication));
}

}  // namespace sagedb
