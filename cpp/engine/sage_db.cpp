#include "engine/sage_db.h"

#include <algorithm>
#include <cmath>

#include "engine/call_gate.h"
#include "engine/consistency.h"
#include "engine/engine_state.h"
#include "engine/maintenance.h"
#include "engine/reader.h"
#include "engine/searcher.h"
#include "engine/storage.h"
#include "engine/writer.h"
#include "kernels/kernels.h"

namespace sagedb {
namespace {

template <typename T>
void require_range(const char* field, T value, T low, T high) {
  if (value < low || value > high)
    throw Error(ErrorCode::INVALID_ARGUMENT, std::string(field) + ": expected " + std::to_string(low) + " to " +
                                                 std::to_string(high) + ", got " + std::to_string(value));
}

void check_options(const Options& o) {
  check_spaces(o);
  require_range<std::uint32_t>("index.M", o.index.M, 4, 64);
  require_range<std::uint32_t>("index.efConstruction", o.index.ef_construction, 8, 4096);
  require_range<std::uint32_t>("rebuildThreshold", o.rebuild_threshold, 1, 1u << 30);
  require_range<int>("threads", o.threads, 0, 1024);
}

Stats::Space space_stats(const Snapshot& s, SpaceNo space) {
  const SpaceState& state = s.spaces[space];
  Stats::Space out;
  out.rows = s.row_count - state.absent;
  // A place without a vector costs address space only.
  out.vector_bytes = out.rows * s.generation->columns[space].vectors.stride();
  out.code_bytes = state.codes ? out.rows * state.codes->stride() : 0;
  out.index_bytes = state.index ? state.index->memory_bytes() : 0;
  return out;
}

void add_recall(const Snapshot& s, SpaceNo space, Stats::Space* out) {
  const RecallTable* recall = s.spaces[space].recall.get();
  if (recall == nullptr) return;
  out->calibrated_rows = recall->rows();
  out->calibrated_queries = recall->queries();
  for (const RecallCurve& curve : recall->curves())
    if (curve.k == 10)
      for (const RecallPoint& p : curve.points) out->recall_curve.push_back({p.ef, p.recall, p.lower_bound});
}

std::uint64_t text_bytes(const Snapshot& s) noexcept { return s.text_index ? s.text_index->bytes() : 0; }

}  // namespace

struct SageDB::Impl {
  explicit Impl(std::shared_ptr<EngineState> recovered)
      : state(std::move(recovered)), writer(state), searcher(*state), reader(*state), maintenance(state) {}

  const std::shared_ptr<EngineState> state;
  mutable CallGate gate;
  Writer writer;
  Searcher searcher;
  Reader reader;
  mutable Maintenance maintenance;

  // Null in memory, and where another process writes.
  Storage* written_storage() const noexcept { return state->options.read_only ? nullptr : state->storage.get(); }

  // With a text index when a request needs one.
  std::shared_ptr<const Snapshot> snapshot_for(const SearchRequest* requests, std::size_t count) const {
    const auto* by_text =
        std::find_if(requests, requests + count, [](const SearchRequest& r) { return r.text != nullptr; });
    for (;;) {
      std::shared_ptr<const Snapshot> snapshot = state->publisher.current();
      if (by_text == requests + count || snapshot->text_index) return snapshot;
      maintenance.wait_for_text(by_text->cancel);
    }
  }

  std::uint64_t sample_rounds() const noexcept {
    std::uint64_t rounds = 0;
    for (const QuerySample& sample : state->samples) rounds += sample.size() / kFirstCalibration;
    return rounds;
  }

  // What searches read in mapped files may be due to be moved into memory.
  void notify_searched() const {
    const std::uint64_t searches = state->counters.searches.load(std::memory_order_relaxed);
    if (state->storage && state->storage->hot_due(searches)) maintenance.notify();
  }

  // A filter may have found records without an index.
  void notify_filtered() const {
    if (state->publisher.current()->generation->metadata.base_due()) maintenance.notify();
  }
};

SageDB::SageDB(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

SageDB::~SageDB() {
  try {
    close();
  } catch (...) {
    // Who wants to know closes before.
  }
}

std::shared_ptr<SageDB> SageDB::open(const Options& options, std::unique_ptr<AnnsAlgorithm> algorithm) {
  Options complete = options;
  std::unique_ptr<Storage> storage;
  if (!options.path.empty()) {
    if (options.dimension == 0) complete.dimension = 1;
    check_options(complete);
    complete.dimension = options.dimension;
    storage = Storage::open(&complete);
  }
  check_options(complete);
  auto state = std::make_shared<EngineState>(complete, std::move(algorithm), std::move(storage));
  if (state->storage) {
    Writer writer(state);
    state->storage->recover(*state, writer);
  }
  std::shared_ptr<SageDB> db(new SageDB(std::make_unique<Impl>(std::move(state))));
  Maintenance& maintenance = db->impl_->maintenance;
  if (db->impl_->state->storage) db->impl_->state->storage->start_check([&maintenance] { maintenance.notify(); });
  maintenance.notify();
  return db;
}

std::vector<OpResult> SageDB::apply(std::vector<WriteOp>& ops) {
  CallGate::Pass pass(impl_->gate);
  for (const WriteOp& op : ops) {
    if (op.vectors.empty()) continue;
    impl_->maintenance.wait_for_room(op.cancel.get());
    break;
  }
  std::vector<OpResult> results = impl_->writer.apply(ops);
  impl_->maintenance.notify();
  return results;
}

std::vector<SearchResult> SageDB::search(const SearchRequest* requests, std::size_t count, int share,
                                         const std::shared_ptr<const Snapshot>& view) const {
  CallGate::Pass pass(impl_->gate);
  const std::uint64_t before = impl_->sample_rounds();
  const std::shared_ptr<const Snapshot> seen = view ? view : impl_->snapshot_for(requests, count);
  std::vector<SearchResult> results = impl_->searcher.search(*seen, requests, count, share);
  // Calibration becomes due when a sample has grown: look at round numbers only, not on every call.
  if (before != impl_->sample_rounds()) impl_->maintenance.notify();
  impl_->notify_searched();
  impl_->notify_filtered();
  return results;
}

std::shared_ptr<const Filter> SageDB::filter(std::string_view text) const { return impl_->state->filters.filter(text); }

std::shared_ptr<const Snapshot> SageDB::view() const {
  CallGate::Pass pass(impl_->gate);
  return impl_->state->publisher.current();
}

bool SageDB::text_ready() const noexcept { return impl_->state->publisher.current()->text_index != nullptr; }

void SageDB::wait_for_text(const CancelToken* cancel) const {
  CallGate::Pass pass(impl_->gate);
  impl_->maintenance.wait_for_text(cancel);
}

std::vector<std::optional<Item>> SageDB::get(const std::vector<ExternalId>& ids, bool include_metadata,
                                             bool include_vector) const {
  CallGate::Pass pass(impl_->gate);
  return impl_->reader.get(ids, include_metadata, include_vector);
}

std::vector<bool> SageDB::has(const std::vector<ExternalId>& ids) const {
  CallGate::Pass pass(impl_->gate);
  return impl_->reader.has(ids);
}

std::uint64_t SageDB::count(const Filter* filter) const {
  CallGate::Pass pass(impl_->gate);
  const std::uint64_t n = count_matches(*impl_->state->publisher.current(), filter);
  impl_->notify_filtered();
  return n;
}

std::shared_ptr<Cursor> SageDB::open_cursor(const FindRequest& request) const {
  CallGate::Pass pass(impl_->gate);
  std::shared_ptr<Cursor> cursor = impl_->reader.open(request);
  impl_->notify_filtered();
  return cursor;
}

std::vector<Item> SageDB::next(Cursor& cursor, std::uint64_t count, bool include_vector) const {
  CallGate::Pass pass(impl_->gate);
  return impl_->reader.next(cursor, count, include_vector);
}

std::vector<Item> SageDB::find(const Filter* filter, std::uint64_t limit, std::uint64_t offset,
                               bool include_vector) const {
  CallGate::Pass pass(impl_->gate);
  std::vector<Item> items = impl_->reader.find(filter, limit, offset, include_vector);
  impl_->notify_filtered();
  return items;
}

void SageDB::build_index(const CancelToken* cancel, Progress* progress) {
  CallGate::Pass pass(impl_->gate);
  impl_->maintenance.run_and_wait(false, cancel, progress);
  if (Storage* const storage = impl_->written_storage()) storage->checkpoint(*impl_->state, cancel);
}

void SageDB::optimize(const CancelToken* cancel, Progress* progress) {
  CallGate::Pass pass(impl_->gate);
  impl_->maintenance.run_and_wait(true, cancel, progress);
  if (Storage* const storage = impl_->written_storage()) storage->reclaim(*impl_->state, cancel);
}

void SageDB::flush() {
  CallGate::Pass pass(impl_->gate);
  if (impl_->state->storage) impl_->state->storage->flush(*impl_->state);
}

void SageDB::checkpoint() {
  CallGate::Pass pass(impl_->gate);
  if (impl_->state->storage) impl_->state->storage->checkpoint(*impl_->state);
}

bool SageDB::refresh() {
  CallGate::Pass pass(impl_->gate);
  if (!impl_->state->storage) return false;
  const bool changed = impl_->state->storage->refresh(*impl_->state, impl_->writer);
  if (changed) impl_->maintenance.collect();
  return changed;
}

void SageDB::snapshot(const std::string& dir) {
  CallGate::Pass pass(impl_->gate);
  if (!impl_->state->storage)
    throw Error(ErrorCode::INVALID_ARGUMENT, "snapshot: the database is in memory; open it with a path");
  impl_->state->storage->snapshot(*impl_->state, dir);
}

void SageDB::verify(const CancelToken* cancel, Progress* progress) {
  CallGate::Pass pass(impl_->gate);
  const EngineState& state = *impl_->state;
  if (state.storage) impl_->state->storage->verify(progress, cancel);
  const std::shared_ptr<const Snapshot> s = state.publisher.current();
  for (SpaceNo space = 0; space < s->spaces.size(); ++space) {
    if (!s->spaces[space].index) continue;
    const std::string problem = s->spaces[space].index->verify(s->view(space));
    const std::string& name = state.options.spaces[space].name;
    if (!problem.empty())
      throw Error(ErrorCode::CORRUPTION,
                  "the index" + (name.empty() ? name : " of space '" + name + "'") + ": " + problem);
  }
  check_consistency(*impl_->state, cancel, progress);
}

void SageDB::close() {
  impl_->gate.close();
  // Before draining: calls that wait for the check of the blocks or for the builder are released.
  if (impl_->state->storage) impl_->state->storage->close_soon();
  impl_->maintenance.stop();
  impl_->gate.drain();
  impl_->state->publisher.collect();
  if (impl_->state->storage) impl_->state->storage->close(*impl_->state);
}

bool SageDB::closed() const noexcept { return impl_->gate.closed(); }

std::uint64_t SageDB::size() const noexcept { return impl_->state->publisher.current()->live_count; }

std::uint64_t SageDB::index_version() const noexcept { return impl_->state->publisher.current()->version; }

const Options& SageDB::options() const noexcept { return impl_->state->options; }

std::uint64_t SageDB::memory_bytes() const noexcept {
  const std::shared_ptr<const Snapshot> s = impl_->state->publisher.current();
  const Generation& g = *s->generation;
  std::uint64_t bytes = g.records.text().own_bytes() + g.metadata.bytes() + text_bytes(*s) +
                        s->record_count * sizeof(Record) + s->row_count * 12;
  for (SpaceNo space = 0; space < s->spaces.size(); ++space) {
    const Stats::Space each = space_stats(*s, space);
    bytes += each.vector_bytes + each.code_bytes + each.index_bytes;
  }
  return bytes;
}

Stats SageDB::stats() const {
  CallGate::Pass pass(impl_->gate);
  const EngineState& state = *impl_->state;
  const std::shared_ptr<const Snapshot> s = state.publisher.current();
  const Generation& g = *s->generation;
  const Maintenance::Status status = impl_->maintenance.status();
  Stats out;
  out.size = s->live_count;
  out.dimension = state.options.dimension;
  out.index_version = s->version;
  out.sequence = s->sequence;
  out.total_searches = state.counters.searches.load();
  out.total_adds = state.counters.adds.load();
  out.total_updates = state.counters.updates.load();
  out.total_removes = state.counters.removes.load();
  out.index_rebuilds = state.counters.rebuilds.load();
  out.compactions = state.counters.compactions.load();
  if (out.total_searches > 0)
    out.average_search_us =
        static_cast<double>(state.counters.search_ns.load()) / 1000.0 / static_cast<double>(out.total_searches);
  out.indexed_rows = s->indexed_rows();
  out.fresh_rows = s->fresh_rows();
  out.deleted_rows = s->dead_rows;
  for (SpaceNo space = 0; space < s->spaces.size(); ++space) {
    out.spaces.push_back(space_stats(*s, space));
    out.vector_bytes += out.spaces.back().vector_bytes;
    out.code_bytes += out.spaces.back().code_bytes;
    out.index_bytes += out.spaces.back().index_bytes;
    add_recall(*s, space, &out.spaces.back());
  }
  out.recall_curve = out.spaces[0].recall_curve;
  out.calibrated_rows = out.spaces[0].calibrated_rows;
  out.calibrated_queries = out.spaces[0].calibrated_queries;
  out.metadata_bytes = g.records.text().own_bytes() + g.metadata.bytes();
  out.text_bytes = text_bytes(*s);
  out.id_bytes = impl_->reader.id_bytes() + s->record_count * sizeof(Record) + s->row_count * 12;
  out.scratch_bytes = state.scratch.bytes();
  if (state.storage) {
    const Storage::Status disk = state.storage->status();
    out.durable_sequence = disk.durable_sequence;
    out.log_bytes = disk.log_bytes;
    out.segment_bytes = disk.segment_bytes;
    out.checkpoints = disk.checkpoints;
    out.replayed = disk.replayed;
    constexpr const char* kStates[] = {"none", "running", "passed", "damaged"};
    out.check_state = kStates[static_cast<int>(disk.check.state)];
    out.check_error = disk.check.error;
    out.check_done = disk.check.done;
    out.check_total = disk.check.total;
    out.last_error = disk.last_error;
    out.hot_bytes = disk.hot_bytes;
    out.given_back_bytes = disk.given_back_bytes;
  }
  out.building = status.building;
  out.build_done = status.done;
  out.build_total = status.total;
  out.last_build_seconds = static_cast<double>(state.counters.last_build_us.load()) / 1e6;
  out.last_publish_us = static_cast<double>(state.counters.last_publish_us.load());
  out.index_kind = s->spaces[0].index ? s->spaces[0].index->name() : "none";
  out.kernels = kernels().name;
  if (!status.last_error.empty()) out.last_error = status.last_error;
  out.threads = state.threads;
  return out;
}

}  // namespace sagedb
