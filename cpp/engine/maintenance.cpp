#include "engine/maintenance.h"

#include <chrono>

#include "base/executor.h"
#include "engine/compactor.h"
#include "engine/recall_calibrator.h"
#include "engine/storage.h"
#include "engine/text_loader.h"

namespace sagedb {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How often retired parts that readers still hold are looked at again.
constexpr milliseconds kCollectEvery{20};
constexpr milliseconds kProgressEvery{20};
constexpr milliseconds kCalibrationPause{2000};
// While searches come in, a calibration sleeps this many times as long as it works.
constexpr int kCalibrationRest = 4;
// A search within this time counts as «searches come in».
constexpr milliseconds kSearching{500};

struct HeldBack {
  explicit HeldBack(int& writers) : count(writers) { ++count; }
  ~HeldBack() { --count; }
  int& count;
};

std::uint64_t micros_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
}

// A read-only engine may have taken over another generation while the job ran: its rows are numbered differently. And its index, if it is damaged, may have
// been dropped: what grew from it must not bring it back.
void require_same(const Snapshot& now, const Snapshot& then) {
  if (now.generation != then.generation || !now.has_indexes_of(then))
    throw Error(ErrorCode::ABORTED, "the data was replaced during the build");
}

Error build_error(const Error& cause) noexcept {
  // What the machine lacks has its code also where it is a build that needs it.
  const bool machine = cause.code() == ErrorCode::OUT_OF_MEMORY || cause.code() == ErrorCode::DISK_FULL ||
                       cause.code() == ErrorCode::PERMISSION_DENIED || cause.code() == ErrorCode::IO_ERROR;
  const ErrorCode code = machine ? cause.code() : ErrorCode::BUILD_FAILED;
  try {
    return Error(code, "the index build failed: " + cause.message());
  } catch (...) {
    return Error(code, std::string());
  }
}

bool metadata_due(const EngineState& state) { return state.publisher.current()->generation->metadata.base_due(); }

bool checkpoint_due(const EngineState& state) {
  return state.storage && state.storage->checkpoint_due(*state.publisher.current());
}

bool hot_due(const EngineState& state) {
  return state.storage && state.storage->hot_due(state.counters.searches.load(std::memory_order_relaxed));
}

}  // namespace

Maintenance::Maintenance(std::shared_ptr<EngineState> state) : state_(std::move(state)), thread_([this] { loop(); }) {}

Maintenance::~Maintenance() { stop(); }

void Maintenance::stop() noexcept {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    if (cancel_) cancel_->cancel();
  }
  work_cv_.notify_all();
  done_cv_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Maintenance::notify() noexcept {
  const std::shared_ptr<const Snapshot> snapshot = state_->publisher.current();
  WorkRequests automatic;
  automatic.sampled = state_->sampled();
  automatic.idle = !state_->counters.searched_within(kSearching);
  const Work next = choose_work(*snapshot, state_->options, automatic);
  const bool work = next != Work::none;
  if (!work && !metadata_due(*state_) && !checkpoint_due(*state_) && !hot_due(*state_)) return;
  // Taking the mutex orders this wake-up after the thread's own check, so that it cannot be lost.
  std::lock_guard<std::mutex> lock(mutex_);
  // A check of old rows that nobody waits for gives way to a build.
  if (tidying_ && !requests_.tidy && next == Work::build && cancel_) cancel_->cancel();
  work_cv_.notify_one();
}

void Maintenance::collect() noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  text_wanted_ = true;
  // What runs is for rows that are gone, and searches by text wait.
  if (cancel_ && text_due() && working_on_.lock() != state_->publisher.current()->generation) cancel_->cancel();
  work_cv_.notify_one();
}

void Maintenance::wait_for_room(const CancelToken* cancel) {
  auto full = [&] {
    return state_->publisher.current()->fresh_rows() >
           fresh_limit(state_->options, state_->counters.searched_within(kSearching));
  };
  if (!full()) return;
  std::unique_lock<std::mutex> lock(mutex_);
  // A cancelled build would leave the builder waiting for rows, and the writers that could bring them waiting for the builder.
  const HeldBack held(held_back_);
  work_cv_.notify_one();
  while (!stopping_ && !failing_ && full()) {
    if (cancel != nullptr) cancel->check();
    done_cv_.wait_for(lock, kProgressEvery);
  }
}

bool Maintenance::text_due() const { return text_wanted_ && !state_->publisher.current()->text_index; }

void Maintenance::wait_for_text(const CancelToken* cancel) {
  std::unique_lock<std::mutex> lock(mutex_);
  const std::uint64_t failures = text_failures_;
  text_wanted_ = true;
  work_cv_.notify_one();
  while (!state_->publisher.current()->text_index) {
    if (text_failures_ > failures) throw *text_error_;
    if (stopping_) throw Error(ErrorCode::ABORTED, "the database was closed while its texts were being read");
    if (cancel != nullptr) cancel->check();
    done_cv_.wait_for(lock, kProgressEvery);
  }
}

bool Maintenance::satisfied(const Waiter& waiter) const {
  const std::shared_ptr<const Snapshot> now = state_->publisher.current();
  const bool built = now->indexed_sequence >= waiter.target || now->fresh_rows() == 0;
  // Under steady writes new turns begin: a whole one and those that may follow it are enough.
  const std::uint64_t most = 5 * (now->row_count / kTidyRows + 1);
  const bool tidy = !waiter.tidy || now->unchecked_rows() == 0 || tidied_ - waiter.tidied > most;
  return built && tidy && (!waiter.compact || compactions_done_ > waiter.compactions || now->dead_records() == 0);
}

// What the waiters together ask for.
void Maintenance::collect_requests() {
  requests_.build_target = 0;
  requests_.compact = false;
  // Writers that wait for the builder get every other job.
  requests_.tidy = false;
  for (const Waiter& w : waiters_) {
    if (w.error) continue;
    requests_.build_target = std::max(requests_.build_target, w.target);
    requests_.compact = requests_.compact || (w.compact && compactions_done_ <= w.compactions);
    requests_.tidy = requests_.tidy || (w.tidy && !(held_back_ > 0 && tidied_last_));
  }
  requests_.writers_wait = held_back_ > 0;
  requests_.sampled = state_->sampled();
  requests_.idle = !state_->counters.searched_within(kSearching);
  requests_.calibration_paused = Clock::now() < calibrate_after_;
}

void Maintenance::run_and_wait(bool compact, const CancelToken* cancel, Progress* progress) {
  const std::shared_ptr<const Snapshot> first = state_->publisher.current();
  const std::uint64_t total = first->fresh_rows();
  if (progress != nullptr) progress->total = total;
  std::unique_lock<std::mutex> lock(mutex_);
  // A compaction that is already running began before this call's tombstones: only a later one counts.
  const auto self = waiters_.insert(waiters_.end(), Waiter{first->sequence, compact && first->dead_records() > 0,
                                                           compactions_started_, compact, tidied_, std::nullopt});
  const auto leave = std::shared_ptr<void>(nullptr, [&](void*) { waiters_.erase(self); });
  work_cv_.notify_one();
  while (!satisfied(*self)) {
    if (self->error) throw *self->error;
    if (stopping_) throw Error(ErrorCode::ABORTED, "the database was closed while its index was being built");
    if (cancel != nullptr && cancel->cancelled()) {
      // Others who wait for the same job keep it.
      if (waiters_.size() == 1 && cancel_) cancel_->cancel();
      throw Error(ErrorCode::ABORTED, "the operation was aborted");
    }
    if (progress != nullptr && building_) {
      const std::uint64_t fresh = state_->publisher.current()->fresh_rows();
      const std::uint64_t before = total - std::min<std::uint64_t>(total, fresh);
      progress->done = std::min<std::uint64_t>(total, before + progress_.done.load() / first->spaces.size());
    }
    done_cv_.wait_for(lock, kProgressEvery);
  }
  if (progress != nullptr) progress->done = total;
}

Maintenance::Status Maintenance::status() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return Status{building_, progress_.done.load(), progress_.total.load(),
                last_error_ ? last_error_->message() : std::string()};
}

void Maintenance::loop() noexcept {
  lower_thread_priority();
  std::unique_lock<std::mutex> lock(mutex_);
  std::size_t retired = 0;
  while (!stopping_) {
    collect_requests();
    const Work work = choose_work(*state_->publisher.current(), state_->options, requests_);
    const bool text = text_due();
    if (text || metadata_due(*state_)) {
      cancel_.emplace();
      working_on_ = state_->publisher.current()->generation;
      lock.unlock();
      if (text)
        load_text();
      else
        load_metadata();
      lock.lock();
      cancel_.reset();
    } else if (checkpoint_due(*state_)) {
      lock.unlock();
      try {
        state_->storage->checkpoint(*state_);
      } catch (...) {
        // Kept by the storage, which waits for more log before it is due again.
      }
      lock.lock();
    } else if (hot_due(*state_)) {
      lock.unlock();
      move_hot();
      lock.lock();
    } else if (work == Work::none) {
      if (retired > 0 || requests_.calibration_paused) {
        work_cv_.wait_for(lock, kCollectEvery);
      } else if (state_->publisher.current()->unchecked_rows() > 0) {
        work_cv_.wait_for(lock, kSearching);
      } else {
        work_cv_.wait(lock);
      }
    } else {
      building_ = work == Work::build || work == Work::compact;
      tidying_ = work == Work::tidy;
      if (work == Work::compact) ++compactions_started_;
      cancel_.emplace();
      working_on_ = state_->publisher.current()->generation;
      progress_.done = 0;
      progress_.total = 0;
      lock.unlock();
      run_job(work);
      lock.lock();
    }
    lock.unlock();
    retired = state_->publisher.collect();
    lock.lock();
  }
}

void Maintenance::load_text() noexcept {
  std::optional<Error> error;
  try {
    TextLoader(*state_, &*cancel_).run();
  } catch (...) {
    error = current_error();
  }
  std::lock_guard<std::mutex> lock(mutex_);
  if (error && error->code() != ErrorCode::ABORTED) {
    text_wanted_ = false;
    ++text_failures_;
    last_error_ = copy_of(*error);
    text_error_ = std::move(error);
  }
  done_cv_.notify_all();
}

void Maintenance::move_hot() noexcept {
  try {
    state_->storage->move_hot();
  } catch (...) {
    // Without memory for a list of ranges: later, or searches go on in the mapping.
  }
}

// A filter asked for the records that an open found.
void Maintenance::load_metadata() noexcept {
  try {
    state_->publisher.current()->generation->metadata.load_base(state_->threads, &*cancel_);
  } catch (...) {
    const Error error = current_error();
    if (error.code() == ErrorCode::ABORTED) return;
    std::lock_guard<std::mutex> lock(mutex_);
    last_error_ = copy_of(error);
  }
}

void Maintenance::run_job(Work work) noexcept {
  std::optional<Error> error;
  try {
    job_began_ = Clock::now();
    if (state_->storage) state_->storage->require_index_checked(*cancel_);
    if (work == Work::calibrate) {
      calibrate();
    } else if (work == Work::compact) {
      Compactor(*state_, context(), [this] { count(Work::compact); }).run();
    } else {
      build(work);
    }
  } catch (...) {
    error = current_error();
  }
  finish_job(work, error);
}

// Right before the publication: who waits for the state that it makes may read the counters before the job is over.
void Maintenance::count(Work work) noexcept {
  if (work == Work::tidy) return;
  Counters& counters = state_->counters;
  (work == Work::compact ? counters.compactions : counters.rebuilds).fetch_add(1, std::memory_order_relaxed);
  counters.last_build_us.store(micros_since(job_began_), std::memory_order_relaxed);
}

void Maintenance::finish_job(Work work, const std::optional<Error>& error) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  building_ = tidying_ = false;
  const bool cancelled = cancel_->cancelled();
  cancel_.reset();
  const std::shared_ptr<const Snapshot> now = state_->publisher.current();
  if (error && error->code() == ErrorCode::ABORTED && work == Work::tidy) {
    // It gave way.
  } else if (error && error->code() == ErrorCode::ABORTED && !cancelled) {
    // What it worked on is gone: begins again with what there is now.
  } else if (error && error->code() == ErrorCode::ABORTED) {
    // Asked for by a caller or by stop(): not a failure. Automatic work waits for more rows; pending requests go on.
    requests_.retry_rows = now->row_count + state_->options.rebuild_threshold;
  } else if (error) {
    last_error_ = copy_of(*error);
    failing_ = true;
    for (Waiter& w : waiters_) w.error = build_error(*error);
    requests_.retry_rows = now->row_count + state_->options.rebuild_threshold;
  } else {
    failing_ = false;
    last_error_.reset();
    requests_.retry_rows = 0;
    if (work == Work::compact) compactions_done_ = compactions_started_;
    if (work == Work::tidy) ++tidied_;
  }
  tidied_last_ = work == Work::tidy;
  done_cv_.notify_all();
}

void Maintenance::calibrate() {
  const std::shared_ptr<const Snapshot> snapshot = state_->publisher.current();
  SpaceNo space;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    space = calibration_due(*snapshot, state_->options, requests_);
  }
  if (space == snapshot->spaces.size()) return;
  const std::vector<float> queries =
      state_->samples[space].copy(calibration_queries(snapshot->row_count, state_->options.spaces[space].dimension));
  // Builds go first; under steady writes an interrupted calibration must not eat the builder's time by starting over at once.
  auto resumed = Clock::now();
  auto stop = [&] {
    std::unique_lock<std::mutex> lock(mutex_);
    // Urgent work wakes it up.
    if (state_->counters.searched_within(kSearching))
      work_cv_.wait_for(lock, kCalibrationRest * (Clock::now() - resumed));
    resumed = Clock::now();
    if (cancel_->cancelled()) return true;
    const Work urgent = choose_work(*state_->publisher.current(), state_->options, requests_);
    return urgent == Work::build || urgent == Work::compact;
  };
  std::shared_ptr<const RecallTable> table = calibrate_recall(Searcher(*state_), *snapshot, space, queries, stop);
  if (!table) {
    std::lock_guard<std::mutex> lock(mutex_);
    calibrate_after_ = Clock::now() + kCalibrationPause;
    return;
  }
  FifoLock lock(state_->writer_mutex);
  auto next = std::make_shared<Snapshot>(*state_->publisher.current());
  next->spaces[space].recall = std::move(table);
  state_->publisher.publish(state_->publisher.prepare(std::shared_ptr<const Snapshot>(std::move(next))));
}

BuildContext Maintenance::context() {
  BuildContext c;
  c.threads = state_->threads;
  c.cancel = &*cancel_;
  c.progress = &progress_;
  return c;
}

void Maintenance::build(Work work) {
  const std::shared_ptr<const Snapshot> sealed = state_->publisher.current();
  const Row rows = work == Work::tidy
                       ? sealed->indexed_rows()
                       : build_target_rows(*sealed, state_->options, state_->counters.searched_within(kSearching));
  BuildContext how = context();
  if (work == Work::tidy) how.old_checks = kTidyRows;
  std::vector<BuildOutput> built;
  for (SpaceNo s = 0; s < sealed->spaces.size(); ++s)
    built.push_back(run_build(*sealed, s, rows, *state_->algorithm, state_->wants_codes(s),
                              state_->publisher.take_recyclable(), how));
  install(work, *sealed, rows, std::move(built));
}

// New codes catch up with writers outside the lock, so that only the last few rows are encoded inside it.
Row Maintenance::encode_ahead(const Snapshot& sealed, Row encoded, const std::vector<BuildOutput>& built) {
  const auto is_new = [&](SpaceNo s) { return built[s].codes != sealed.spaces[s].codes; };
  bool any = false;
  for (SpaceNo s = 0; s < built.size(); ++s) any = any || is_new(s);
  for (int round = 0; any && round < 8; ++round) {
    const std::shared_ptr<const Snapshot> current = state_->publisher.current();
    require_same(*current, sealed);
    const Row now = current->row_count;
    if (now - encoded < 256) break;
    for (SpaceNo s = 0; s < built.size(); ++s) {
      if (!is_new(s)) continue;
      built[s].codes->ensure(now);
      encode_rows(*built[s].codes, current->view(s), encoded, now, state_->threads);
    }
    encoded = now;
  }
  return encoded;
}

void Maintenance::install(Work work, const Snapshot& sealed, Row rows, std::vector<BuildOutput> built) {
  const Row encoded = encode_ahead(sealed, rows, built);
  const auto start = Clock::now();
  FifoLock lock(state_->writer_mutex);
  const std::shared_ptr<const Snapshot> current = state_->publisher.current();
  require_same(*current, sealed);
  auto next = std::make_shared<Snapshot>(*current);
  for (Row r = current->indexed_rows(); r < rows; ++r)
    if (!current->generation->records.row_live(r, current->sequence)) ++next->dead_indexed;
  for (SpaceNo s = 0; s < built.size(); ++s) {
    if (built[s].codes != sealed.spaces[s].codes) {
      built[s].codes->ensure(current->row_count);
      encode_rows(*built[s].codes, current->view(s), encoded, current->row_count, 1);
    }
    next->spaces[s].index = std::move(built[s].index);
    next->spaces[s].codes = std::move(built[s].codes);
  }
  next->indexed_sequence = rows == sealed.row_count ? sealed.sequence : current->indexed_sequence;
  ++next->version;
  auto publication = state_->publisher.prepare(std::shared_ptr<const Snapshot>(std::move(next)));
  count(work);
  state_->publisher.publish(std::move(publication));
  state_->counters.last_publish_us.store(micros_since(start), std::memory_order_relaxed);
}

}  // namespace sagedb
