#include "engine/writer.h"

#include <algorithm>
#include <deque>
#include <thread>

#include "base/executor.h"
#include "engine/row_set.h"
#include "engine/storage.h"
#include "engine/text_writes.h"

namespace sagedb {
namespace {

constexpr std::size_t kCopyGrain = 512;
// So many rows are worth a team of threads.
constexpr std::size_t kCopiedByTeam = 4 * kCopyGrain;
// Vectors of so many bytes are copied by a thread of their own, while this one writes the log.
constexpr std::size_t kCopiedBeside = std::size_t{1} << 20;

bool has_filter(const WriteOp& op) {
  return op.kind == WriteOp::Kind::remove_where || op.kind == WriteOp::Kind::replace_where;
}

void fail(WriteItem& item, const Error& error) noexcept {
  if (item.result.error) return;
  item.result = OpResult();
  item.result.error = copy_of(error);
}

}  // namespace

std::vector<OpResult> Writer::apply(std::vector<WriteOp>& ops) {
  WriteQueue::Request request(ops.size());
  std::vector<OpResult> results(ops.size());  // before the commit: nothing may fail after it
  for (std::size_t i = 0; i < ops.size(); ++i) {
    WriteItem& item = request.items[i];
    item.op = &ops[i];
    try {
      item.prepared = prepare_op(ops[i], state_->options, state_->threads);
    } catch (...) {
      item.result.error = current_error();
    }
  }
  queue_.run(request, [this](const std::vector<WriteQueue::Request*>& requests) { apply_requests(requests); });
  for (std::size_t i = 0; i < results.size(); ++i) results[i] = std::move(request.items[i].result);
  return results;
}

void Writer::apply_requests(const std::vector<WriteQueue::Request*>& requests) noexcept {
  FifoLock lock(state_->writer_mutex);
  std::size_t settled = 0;  // items, from the first one, whose outcome stands
  try {
    Items items;
    for (WriteQueue::Request* r : requests)
      for (WriteItem& item : r->items) items.push_back(&item);
    while (settled < items.size()) {
      std::size_t end = settled;
      if (has_filter(*items[end]->op)) {
        if (!items[end]->result.error) apply_where(*items[end]);
        ++end;
      } else {
        while (end < items.size() && !has_filter(*items[end]->op)) ++end;
        apply_group(items, settled, end);
      }
      settled = end;
    }
  } catch (...) {
    // The list, or a plan before anything is done for it. What is committed stays so.
    const Error error = current_error();
    for (WriteQueue::Request* r : requests) {
      for (WriteItem& item : r->items) {
        if (settled > 0) {
          --settled;
        } else {
          fail(item, error);
        }
      }
    }
  }
}

void Writer::apply_group(const Items& items, std::size_t begin, std::size_t end) {
  WritePlan plan(*state_, state_->publisher.current());
  const auto fail_all = [&](const Error& error) {
    for (std::size_t i = begin; i < end; ++i) fail(*items[i], error);
  };
  for (std::size_t i = begin; i < end; ++i) {
    WriteItem& item = *items[i];
    if (item.result.error) continue;
    try {
      plan.stage(item.prepared, item.result, end - begin == 1);
    } catch (...) {
      const Error error = current_error();
      if (!plan.consistent()) return fail_all(error);
      fail(item, error);
    }
  }
  if (plan.changes().empty()) return;
  try {
    commit(plan, false);
  } catch (...) {
    fail_all(current_error());
  }
}

void Writer::apply_where(WriteItem& item) {
  const WriteOp& op = *item.op;
  const bool replaces = op.kind == WriteOp::Kind::replace_where;
  try {
    if (op.cancel) op.cancel->check();
    const std::shared_ptr<const Snapshot> snapshot = state_->publisher.current();
    const std::vector<RecordNo> records = matching_records(*snapshot, op.where.get());
    if (op.cancel) op.cancel->check();
    WritePlan plan(*state_, snapshot);
    if (!records.empty()) plan.stage_removals(records, !replaces);
    if (replaces && op.count > 0) plan.stage(item.prepared, item.result, records.empty());
    if (plan.changes().empty()) return;
    commit(plan, false);
    item.result.affected = records.size();
  } catch (...) {
    fail(item, current_error());
  }
}

void Writer::replay(std::vector<LoggedOp>& ops, std::uint32_t operations) {
  FifoLock lock(state_->writer_mutex);
  WritePlan plan(*state_, state_->publisher.current());
  std::deque<PreparedOp> all;  // the plan points into them
  for (LoggedOp& logged : ops) {
    PreparedOp& prepared = all.emplace_back();
    prepared.op = &logged.op;
    if (!logged.op.vectors.empty()) locate_rows(&prepared, state_->options);
    prepared.norms = std::move(logged.norms);
    prepared.metadata.resize(logged.op.metadata.size());
    parallel_for(prepared.metadata.size(), 256, state_->threads, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t i = begin; i < end; ++i) prepared.metadata[i] = MetadataStore::prepare(logged.op.metadata[i]);
    });
    OpResult result;
    plan.skip_to(logged.offset);
    plan.stage(prepared, result, ops.size() == 1);
    if (result.affected != logged.op.count)
      throw Error(ErrorCode::CORRUPTION, "the log changes items that the database does not have");
  }
  plan.skip_to(operations);
  commit(plan, true);
}

void Writer::reserve(WritePlan& plan) {
  const Snapshot& base = *plan.base();
  Generation& g = *base.generation;
  const Row rows = base.row_count + plan.new_rows();
  g.ensure_vectors(rows);
  for (const SpaceState& space : base.spaces)
    if (space.codes) space.codes->ensure(rows);
  g.records.ensure(base.record_count + plan.new_records(), rows);
  g.records.reserve_text(plan.text_bytes());
  if (plan.new_records() > 0) g.metadata.reserve(plan.metadata().data(), plan.metadata().size(), base.record_count);
  reserve_words(plan, state_->threads);
  std::vector<IdView> ids;
  {
    ReadLock lock(state_->store_mutex);
    for (const PlannedChange& c : plan.changes())
      if (c.kind == PlannedChange::Kind::put && state_->ids.needs_room(c.replaces)) ids.push_back(c.id);
  }
  if (state_->journal != nullptr) {
    // reserve() takes the number at its word: asked for what this commit needs, every commit would copy the whole journal.
    auto& deleted = state_->journal->deleted;
    const std::size_t needed = deleted.size() + plan.changes().size();
    if (needed > deleted.capacity()) deleted.reserve(std::max(needed, 2 * deleted.capacity()));
  }
  if (ids.empty()) return;
  WriteLock lock(state_->store_mutex);
  state_->ids.reserve(ids);
}

// Rows beyond the published count belong to the writer: filling them is invisible until install() publishes.
void Writer::write_rows(const WritePlan& plan, std::size_t begin, std::size_t end) noexcept {
  const Snapshot& base = *plan.base();
  Generation& g = *base.generation;
  for (std::size_t i = begin; i < end; ++i) {
    const PlannedChange& c = plan.changes()[i];
    if (!c.new_row) continue;
    const float* v = c.vector;
    for (SpaceNo s = 0; s < base.spaces.size(); ++s) {
      if (!holds(c.given, s)) continue;
      VectorColumn& column = g.columns[s];
      column.vectors.write(c.row, v, 1);
      v += column.vectors.dimension();
      if (column.metric == Metric::cosine) column.norms[c.row] = c.norms[s];
      if (base.spaces[s].codes) base.spaces[s].codes->encode(column.vectors, c.row, c.row + 1);
    }
  }
}

void Writer::write_vectors(const WritePlan& plan, int threads) {
  parallel_for(plan.changes().size(), kCopyGrain, threads, [&](std::size_t begin, std::size_t end, int) {
    state_->writer_mutex.assume_held();
    write_rows(plan, begin, end);
  });
  copy_kept_vectors(plan);
}

// What updates keep of other spaces. In order: the row that is copied may be of an earlier change of the same plan.
void Writer::copy_kept_vectors(const WritePlan& plan) noexcept {
  const Snapshot& base = *plan.base();
  Generation& g = *base.generation;
  for (const PlannedChange& c : plan.changes()) {
    if (!c.new_row || c.spaces == c.given) continue;
    for (SpaceNo s = 0; s < base.spaces.size(); ++s) {
      if (!holds(c.spaces & ~c.given, s)) continue;
      g.columns[s].copy(c.row, g.columns[s], c.old_row);
      if (base.spaces[s].codes) base.spaces[s].codes->encode(g.columns[s].vectors, c.row, c.row + 1);
    }
  }
}

// Who has a vector where: in maps that `next` will show. A row beyond the published ones is nobody's yet.
void Writer::note_presence(const WritePlan& plan, Snapshot* next) {
  const Snapshot& base = *plan.base();
  for (SpaceNo s = 0; s < next->spaces.size(); ++s) {
    SpaceState& space = next->spaces[s];
    if (plan.absent(s) == 0 && !space.present) continue;
    space.present = with_room(space.present, base.row_count, base.row_count + plan.new_rows());
    space.absent += plan.absent(s);
    for (const PlannedChange& c : plan.changes())
      if (c.new_row) space.present->put(c.row, holds(c.spaces, s));
  }
}

bool Writer::log_beside_copy(const WritePlan& plan) {
  const std::size_t bytes = plan.new_rows() * plan.base()->generation->stride();
  if (bytes < kCopiedBeside || state_->options.durability == Durability::memory) return false;
  std::thread copier;
  try {
    copier = std::thread([this, &plan] {
      state_->writer_mutex.assume_held();
      write_vectors(plan, 1);
    });
  } catch (...) {
    return false;  // no thread to be had: one after the other
  }
  try {
    state_->storage->log(plan, [] {});
  } catch (...) {
    copier.join();
    throw;
  }
  copier.join();
  return true;
}

void Writer::log_and_copy(const WritePlan& plan) {
  if (log_beside_copy(plan)) return;
  if (plan.new_rows() >= kCopiedByTeam) {
    write_vectors(plan, state_->threads);
    return state_->storage->log(plan, [] {});
  }
  // Once the record is in the log nothing may fail but its sync.
  state_->storage->log(plan, [this, &plan]() noexcept {
    state_->writer_mutex.assume_held();
    write_rows(plan, 0, plan.changes().size());
    copy_kept_vectors(plan);
  });
}

void Writer::commit(WritePlan& plan, bool replaying) {
  reserve(plan);
  auto next = std::make_shared<Snapshot>(*plan.base());
  describe(plan, next.get());
  note_presence(plan, next.get());
  Publisher::Prepared publication = state_->publisher.prepare(std::shared_ptr<const Snapshot>(std::move(next)));
  // The last thing that can fail.
  if (state_->storage && !replaying) {
    log_and_copy(plan);
  } else if (plan.new_rows() > 0) {
    write_vectors(plan, plan.new_rows() < kCopiedByTeam ? 1 : state_->threads);
  }
  install(plan, std::move(publication), replaying);
  try {
    plan.base()->generation->metadata.settle();
  } catch (...) {
    // Out of memory: filters stay right without it, only slower; a later commit tries again.
  }
}

void Writer::describe(const WritePlan& plan, Snapshot* next) {
  const Row indexed = next->indexed_rows();
  next->sequence = plan.sequence();
  next->row_count += plan.new_rows();
  next->record_count += plan.new_records();
  if (next->text_index) next->text_index->account(&next->text);
  for (const PlannedChange& c : plan.changes()) {
    const bool dies = c.old_row != kNoRow && (c.kind == PlannedChange::Kind::remove || c.new_row);
    if (dies) ++next->dead_rows;
    if (dies && c.old_row < indexed) ++next->dead_indexed;
    if (c.kind == PlannedChange::Kind::remove) --next->live_count;
    if (c.kind == PlannedChange::Kind::put && c.replaces == kNoRecord) ++next->live_count;
  }
}

// Nothing here can fail.
void Writer::install(const WritePlan& plan, Publisher::Prepared publication, bool replaying) {
  Generation& g = *plan.base()->generation;
  TextIndex* const text = plan.base()->text_index.get();
  std::uint64_t adds = 0, updates = 0, removes = 0;
  WriteLock lock(state_->store_mutex);
  const std::size_t base_records = plan.base()->record_count;
  for (const PlannedChange& c : plan.changes()) {
    if (c.kind == PlannedChange::Kind::put) {
      if (c.replaces == kNoRecord) {
        g.records.append(c.record, c.id, c.text, c.row, true);
        ++adds;
      } else {
        g.records.append_version(c.record, c.replaces, c.new_text ? &c.text : nullptr, c.row, c.new_row);
        ++updates;
      }
      g.metadata.append(c.record, const_cast<WritePlan&>(plan).metadata()[c.record - base_records]);
      if (text != nullptr) text->append(c.record);
      state_->ids.put(c.id, c.record, g.records);
    } else {
      state_->ids.erase(c.id, g.records);
      ++removes;
    }
    if (c.replaces == kNoRecord) continue;
    g.records.mark_deleted(c.replaces, c.sequence);
    if (text != nullptr) text->bury(c.sequence);
    if (c.kind == PlannedChange::Kind::remove || c.new_row) g.records.mark_row_deleted(c.old_row, c.sequence);
    if (state_->journal != nullptr) state_->journal->deleted.push_back({c.replaces, c.sequence});
  }
  if (plan.new_records() > 0) {
    state_->next_id = plan.next_id();
    state_->far_ids = plan.far_ids();
  }
  state_->publisher.publish(std::move(publication));
  if (replaying) return;
  state_->counters.adds.fetch_add(adds, std::memory_order_relaxed);
  state_->counters.updates.fetch_add(updates, std::memory_order_relaxed);
  state_->counters.removes.fetch_add(removes, std::memory_order_relaxed);
}

}  // namespace sagedb
