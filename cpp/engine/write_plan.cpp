#include "engine/write_plan.h"

#include <algorithm>
#include <cmath>

#include "base/executor.h"

namespace sagedb {
namespace {

// Assigned numbers jump over the caller's numbers below this bound; beyond it they are looked up instead.
constexpr std::int64_t kJumpBound = std::int64_t{1} << 52;
constexpr std::uint64_t kMaxRows = (std::uint64_t{1} << 31) - 1;
constexpr std::size_t kPrepareGrain = 256;

void require_length(const char* field, std::size_t got, std::size_t expected) {
  if (got != expected)
    throw Error(ErrorCode::INVALID_ARGUMENT,
                std::string(field) + ": expected " + std::to_string(expected) + " entries, got " + std::to_string(got));
}

double sum_of_squares(const float* v, std::size_t n) noexcept {
  // Lanes make vector instructions of it: additions in order would wait for each other.
  constexpr std::size_t kLanes = 8;
  double lanes[kLanes] = {};
  const std::size_t whole = n / kLanes * kLanes;
  for (std::size_t d = 0; d < whole; d += kLanes)
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] += static_cast<double>(v[d + i]) * v[d + i];
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  for (std::size_t d = whole; d < n; ++d) sum += static_cast<double>(v[d]) * v[d];
  return sum;
}

void check_vector(float* v, std::size_t row, const Options& options, SpaceNo s, float* norm) {
  const SpaceSpec& space = options.spaces[s];
  // Squares of finite floats never exceed what a double holds, so the sum is finite when and only when all components are.
  const double sum = sum_of_squares(v, space.dimension);
  if (!std::isfinite(sum)) {
    std::uint32_t d = 0;
    while (std::isfinite(v[d])) ++d;
    throw Error(ErrorCode::INVALID_VECTOR, vector_name(options, row, s) + ", component " + std::to_string(d) +
                                               ": expected a finite number, got " + std::to_string(v[d]));
  }
  if (space.metric != Metric::cosine) return;
  const double length = std::sqrt(sum);
  if (!(length > 0))
    throw Error(
        ErrorCode::INVALID_VECTOR,
        vector_name(options, row, s) + ": a zero vector has no direction and cannot be used with metric 'cosine'");
  *norm = static_cast<float>(length);
  // It is read back as its direction times this.
  if (!std::isfinite(*norm))
    throw Error(ErrorCode::INVALID_VECTOR,
                vector_name(options, row, s) + ": its length exceeds what metric 'cosine' can keep (3.4e38)");
  for (std::uint32_t d = 0; d < space.dimension; ++d) v[d] = static_cast<float>(v[d] / length);
}

void check_half_range(const float* v, std::size_t row, const Options& options, SpaceNo s) {
  for (std::uint32_t d = 0; d < options.spaces[s].dimension; ++d)
    if (std::fabs(v[d]) > 65504.0f)
      throw Error(ErrorCode::INVALID_VECTOR, vector_name(options, row, s) + ", component " + std::to_string(d) +
                                                 ": exceeds the range of float16 storage (65504)");
}

// The vectors of one row; `norms`: one per space, or null without cosine.
void check_row(float* v, std::size_t row, const Options& options, SpaceSet given, float* norms) {
  for (SpaceNo s = 0; s < options.space_count(); ++s) {
    if (!holds(given, s)) continue;
    if (options.vectors == VectorType::float16 && options.spaces[s].metric != Metric::cosine)
      check_half_range(v, row, options, s);
    check_vector(v, row, options, s, norms == nullptr ? nullptr : norms + s);
    v += options.spaces[s].dimension;
  }
}

bool has_cosine(const Options& options) {
  return std::any_of(options.spaces.begin(), options.spaces.end(),
                     [](const SpaceSpec& space) { return space.metric == Metric::cosine; });
}

// How many components the rows bring together. Throws when a row brings none, or a space that does not exist.
std::size_t expected_components(const WriteOp& op, const Options& options) {
  if (!options.named()) {
    if (!op.given.empty()) throw Error(ErrorCode::INVALID_ARGUMENT, "spaces: the database was opened without");
    return op.count * options.dimension;
  }
  require_length("given", op.given.size(), op.count);
  std::size_t sum = 0;
  for (std::size_t i = 0; i < op.count; ++i) {
    if (op.given[i] == 0 || (op.given[i] & ~options.all_spaces()) != 0)
      throw Error(ErrorCode::INVALID_VECTOR,
                  "vector " + std::to_string(i) + ": expected the vector of one space at least, got none");
    sum += options.components(op.given[i]);
  }
  return sum;
}

void check_ids(const WriteOp& op) {
  for (const ExternalId& id : op.ids)
    if (!id.is_string() && !is_safe_integer(id.number()))
      throw Error(ErrorCode::INVALID_ID, "id: expected a safe integer, got " + std::to_string(id.number()));
  if (op.kind == WriteOp::Kind::remove || op.ids.size() < 2) return;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order(op.ids.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = {hash_id(op.ids[i].view()), static_cast<std::uint32_t>(i)};
  std::sort(order.begin(), order.end());
  for (std::size_t i = 1; i < order.size(); ++i) {
    for (std::size_t j = i; j-- > 0 && order[j].first == order[i].first;) {
      const IdView a = op.ids[order[j].second].view();
      if (a == op.ids[order[i].second].view())
        throw Error(ErrorCode::DUPLICATE_ID, "id " + id_to_string(a) + " appears twice in the batch");
    }
  }
}

void check_shape(const WriteOp& op, const Options& options) {
  using Kind = WriteOp::Kind;
  if ((op.kind == Kind::remove_where || op.kind == Kind::replace_where) && !op.where)
    throw Error(ErrorCode::INVALID_FILTER, "removeWhere, replaceWhere: a filter is required");
  if (op.kind == Kind::remove_where) return;
  if (!op.ids.empty() || op.kind == Kind::remove || op.kind == Kind::update)
    require_length("ids", op.ids.size(), op.count);
  if (op.kind == Kind::remove) return;
  const bool vectors_needed = op.kind != Kind::update;
  if (vectors_needed || !op.vectors.empty()) {
    const std::size_t expected = expected_components(op, options);
    const std::string shape = options.named() ? std::to_string(expected)
                                              : std::to_string(op.count) + " x " + std::to_string(options.dimension);
    if (op.vectors.size() != expected)
      throw Error(ErrorCode::DIMENSION_MISMATCH,
                  "vectors: expected " + shape + " components, got " + std::to_string(op.vectors.size()));
  }
  if (!op.metadata.empty()) require_length("metadata", op.metadata.size(), op.count);
}

}  // namespace

void locate_rows(PreparedOp* op, const Options& options) {
  if (has_cosine(options)) op->norms.resize(op->op->count * options.space_count());
  if (!options.named()) return;
  op->offsets.reserve(op->op->count);
  std::size_t at = 0;
  for (const SpaceSet given : op->op->given) {
    op->offsets.push_back(at);
    at += options.components(given);
  }
}

PreparedOp prepare_op(WriteOp& op, const Options& options, int threads) {
  PreparedOp out;
  out.op = &op;
  check_shape(op, options);
  check_ids(op);
  if (!op.vectors.empty()) locate_rows(&out, options);
  out.metadata.resize(op.metadata.size());
  if (op.vectors.empty() && op.metadata.empty()) return out;
  parallel_for(op.count, kPrepareGrain, op.count < 4 * kPrepareGrain ? 1 : threads,
               [&](std::size_t begin, std::size_t end, int) {
                 if (op.cancel) op.cancel->check();
                 for (std::size_t i = begin; i < end; ++i) {
                   if (!op.vectors.empty()) {
                     float* norms = out.norms.empty() ? nullptr : &out.norms[i * options.space_count()];
                     check_row(op.vectors.data() + out.offset(i, options), i, options, out.given(i), norms);
                   }
                   if (!op.metadata.empty()) out.metadata[i] = MetadataStore::prepare(op.metadata[i]);
                 }
               });
  return out;
}

RecordNo WritePlan::find(const IdView& id) const {
  if (!touched_.empty()) {
    auto it = touched_.find(id);
    if (it != touched_.end()) return it->second;
  }
  return state_.ids.find(id, base_->generation->records);
}

Row WritePlan::row_of(RecordNo r) const {
  return r >= base_->record_count ? changes_[puts_[r - base_->record_count]].row : base_->generation->records.row(r);
}

SpaceSet WritePlan::spaces_of(RecordNo r) const {
  if (r < base_->record_count) return base_->spaces_of(base_->generation->records.row(r));
  return changes_[puts_[r - base_->record_count]].spaces;
}

// Row i of the operation as the new row of a change.
void WritePlan::give_vectors(const PreparedOp& prepared, std::size_t i, PlannedChange* change) const {
  const Options& options = state_.options;
  change->vector = prepared.op->vectors.data() + prepared.offset(i, options);
  if (!prepared.norms.empty()) change->norms = &prepared.norms[i * options.space_count()];
  change->given = change->spaces = prepared.given(i);
}

std::string_view WritePlan::text_of(RecordNo r) const noexcept {
  return r >= base_->record_count ? changes_[puts_[r - base_->record_count]].text
                                  : base_->generation->records.metadata(r);
}

void WritePlan::check_room(std::size_t records) const {
  if (base_->record_count + puts_.size() + records > kMaxRows)
    throw Error(ErrorCode::LIMIT_EXCEEDED, "a database holds at most 2^31 - 1 versions between two compactions");
}

void WritePlan::note_number(const IdView& id) noexcept {
  if (id.is_string || id.number < 0) return;
  if (id.number < kJumpBound) {
    next_id_ = std::max(next_id_, id.number + 1);
  } else {
    far_ids_ = true;
  }
}

std::int64_t WritePlan::assign(std::size_t count) {
  std::int64_t first = next_id_;
  for (std::int64_t i = 0; far_ids_ && i < static_cast<std::int64_t>(count); ++i) {
    // Restart behind a number that the caller holds: the assigned numbers of one op are consecutive.
    if (find(IdView{false, first + i, {}}) != kNoRecord) {
      first += i + 1;
      i = -1;
    }
  }
  if (first > kMaxSafeInteger - static_cast<std::int64_t>(count))
    throw Error(ErrorCode::LIMIT_EXCEEDED, "no safe integers left to assign as ids");
  next_id_ = first + static_cast<std::int64_t>(count);
  return first;
}

void WritePlan::put(PlannedChange change, MetadataStore::Prepared metadata) {
  change.kind = PlannedChange::Kind::put;
  change.record = base_->record_count + static_cast<RecordNo>(puts_.size());
  change.sequence = base_->sequence + ops_;
  if (change.new_row) {
    change.row = base_->row_count + new_rows_++;
    for (SpaceNo s = 0; s < absent_.size(); ++s) absent_[s] += holds(change.spaces, s) ? 0 : 1;
  }
  if (change.new_text) text_bytes_ += change.text.size();
  if (change.replaces == kNoRecord && change.id.is_string) text_bytes_ += change.id.text.size();
  if (track_) touched_[change.id] = change.record;
  puts_.push_back(changes_.size());
  changes_.push_back(change);
  metadata_.push_back(std::move(metadata));
}

void WritePlan::remove(const IdView& id, RecordNo r) {
  PlannedChange change;
  change.kind = PlannedChange::Kind::remove;
  change.replaces = r;
  change.old_row = row_of(r);
  change.id = id;
  change.sequence = base_->sequence + ops_;
  if (track_) touched_[id] = kNoRecord;
  changes_.push_back(change);
}

void WritePlan::stage(PreparedOp& op, OpResult& result, bool single) {
  state_.writer_mutex.assume_held();  // as a caller's `state_->writer_mutex`
  if (op.op->cancel) op.op->cancel->check();
  ReadLock lock(state_.store_mutex);
  if (!started_) {
    next_id_ = state_.next_id;
    far_ids_ = state_.far_ids;
    started_ = true;
  }
  track_ = !single || op.op->kind == WriteOp::Kind::remove;
  switch (op.op->kind) {
    case WriteOp::Kind::add:
    case WriteOp::Kind::upsert:
    case WriteOp::Kind::replace_where:
      stage_puts(op, result);
      break;
    case WriteOp::Kind::update:
      stage_updates(op, result);
      break;
    case WriteOp::Kind::remove:
      stage_removes(*op.op, result);
      break;
    case WriteOp::Kind::remove_where:
      throw Error(ErrorCode::INTERNAL, "removals by filter are staged by the writer");
  }
  consistent_ = true;
}

void WritePlan::stage_puts(PreparedOp& prepared, OpResult& result) {
  const WriteOp& op = *prepared.op;
  check_room(op.count);
  std::vector<RecordNo> replaced(op.ids.size(), kNoRecord);
  for (std::size_t i = 0; i < op.ids.size(); ++i) {
    replaced[i] = find(op.ids[i].view());
    if (op.kind == WriteOp::Kind::upsert || replaced[i] == kNoRecord) continue;
    const char* remedy =
        op.kind == WriteOp::Kind::add ? "; use upsert to replace it" : " on an item that the filter does not match";
    throw Error(ErrorCode::DUPLICATE_ID, "id " + id_to_string(op.ids[i].view()) + " already exists" + remedy);
  }
  if (op.ids.empty() && op.count > 0) result.first_assigned = assign(op.count);
  ++ops_;
  consistent_ = false;
  for (std::size_t i = 0; i < op.count; ++i) {
    PlannedChange change;
    change.new_row = true;
    change.new_text = true;
    change.id =
        op.ids.empty() ? IdView{false, result.first_assigned + static_cast<std::int64_t>(i), {}} : op.ids[i].view();
    if (!op.ids.empty()) note_number(change.id);
    change.replaces = op.ids.empty() ? kNoRecord : replaced[i];
    if (change.replaces != kNoRecord) change.old_row = row_of(change.replaces);
    give_vectors(prepared, i, &change);
    if (!op.metadata.empty()) change.text = op.metadata[i];
    put(change, op.metadata.empty() ? MetadataStore::prepare({}) : std::move(prepared.metadata[i]));
  }
  result.affected = op.count;
}

void WritePlan::stage_updates(PreparedOp& prepared, OpResult& result) {
  const WriteOp& op = *prepared.op;
  check_room(op.count);
  result.hit.assign(op.count, 0);
  ++ops_;
  consistent_ = false;
  for (std::size_t i = 0; i < op.count; ++i) {
    const RecordNo old = find(op.ids[i].view());
    if (old == kNoRecord) continue;
    result.hit[i] = 1;
    ++result.affected;
    PlannedChange change;
    change.id = op.ids[i].view();
    change.replaces = old;
    change.old_row = row_of(old);
    change.new_row = !op.vectors.empty();
    change.new_text = !op.metadata.empty();
    if (change.new_row) {
      give_vectors(prepared, i, &change);
    } else {
      change.row = change.old_row;
    }
    change.spaces |= spaces_of(old);
    change.text = change.new_text ? std::string_view(op.metadata[i]) : text_of(old);
    put(change, change.new_text ? std::move(prepared.metadata[i]) : MetadataStore::prepare_stored(change.text, old));
  }
}

void WritePlan::stage_removes(const WriteOp& op, OpResult& result) {
  result.hit.assign(op.count, 0);
  ++ops_;
  consistent_ = false;
  for (std::size_t i = 0; i < op.count; ++i) {
    const RecordNo r = find(op.ids[i].view());
    if (r == kNoRecord) continue;
    result.hit[i] = 1;
    ++result.affected;
    remove(op.ids[i].view(), r);
  }
}

void WritePlan::stage_removals(const std::vector<RecordNo>& records, bool single) {
  track_ = !single;
  ++ops_;
  for (const RecordNo r : records) remove(base_->generation->records.id(r), r);
}

}  // namespace sagedb
