#include "engine/storage.h"

#include <algorithm>

#include "base/memory.h"
#include "engine/database_folder.h"
#include "engine/log_replay.h"
#include "engine/op_record.h"
#include "storage/folder_check.h"

namespace sagedb {
namespace {

// After a failed checkpoint, so much more log before the next attempt.
constexpr std::uint64_t kRetryBytes = 16u << 20;
// Opens leave logs behind; so many are folded into a checkpoint.
constexpr std::uint64_t kMaxLogs = 16;
// A log of so many bytes is replayed in no time.
constexpr std::uint64_t kWorthBytes = 64u << 10;
// close() does not wait for a longer check than of so many bytes; the log is there.
constexpr std::uint64_t kCheckAtClose = 256u << 20;

}  // namespace

Storage::Storage(Env& env, const Options& options)
    : env_(env),
      dir_(options.path),
      durability_(options.durability),
      read_only_(options.read_only),
      checkpoint_bytes_(options.checkpoint_bytes),
      background_check_(options.background_check),
      logs_(env, options.path, options.durability == Durability::fsync),
      hot_(options.hot_memory),
      check_(env, options.path) {}

Storage::~Storage() { delayed_sync_.stop(); }

std::unique_ptr<Storage> Storage::open(Options* options) {
  Env& env = options->env != nullptr ? *options->env : Env::real();
  std::unique_ptr<Storage> s(new Storage(env, *options));
  MutexLock checkpoint(s->checkpoint_mutex_);
  OpenedFolder folder = open_folder(env, options);
  s->lock_ = std::move(folder.lock);
  s->manifest_ = std::move(folder.manifest);
  s->damaged_manifest_ = folder.damaged_manifest;
  s->last_tried_ = s->damaged_manifest_ ? s->damaged_manifest_->generation : s->manifest_.generation;
  return s;
}

void Storage::recover(EngineState& state, Writer& writer) {
  MutexLock checkpoint(checkpoint_mutex_);
  if (read_only_) {
    load_newest(state);
  } else {
    recover_writable(state, writer);
  }
}

void Storage::recover_writable(EngineState& state, Writer& writer) {
  LoadedState loaded = read_stored("a segment", [&] {
    checkpoint_mutex_.assume_held();
    return load_state(env_, dir_, manifest_, state.options);
  });
  last_tried_ = std::max(last_tried_, manifest_.generation);
  note_manifest(*loaded.snapshot);
  if (!loaded.warning.empty()) {
    for (const FileKind kind : {FileKind::codes, FileKind::code_errors, FileKind::graph}) manifest_.drop(kind);
    // Else an index of as many rows as the damaged one would count as written.
    manifest_.set_field("built", "");
    manifest_.set_number("indexed_rows", 0);
    fail(Error(ErrorCode::CORRUPTION, loaded.warning));
  }
  install_state(state, loaded);
  offer_hot(std::move(loaded.hot));
  RecoveredLogs logs = replay_logs(env_, dir_, manifest_.database, manifest_.log_number, manifest_.sequence,
                                   [&](const Frame& frame, const std::string& payload) {
                                     replay_frame(frame, payload, state.options, writer);
                                     replayed_.fetch_add(frame.operations, std::memory_order_relaxed);
                                   });
  if (state.publisher.current()->sequence != logs.last_sequence)
    throw Error(ErrorCode::INTERNAL, "replay ended at another sequence than the log");
  if (damaged_manifest_) {
    require_complete(*damaged_manifest_, dir_, logs.last_number, logs.last_sequence);
    fail(Error(ErrorCode::CORRUPTION, manifest_name(damaged_manifest_->generation) + " was damaged; " +
                                          manifest_name(manifest_.generation) + " and the logs after it were opened"));
    many_logs_ = true;  // a new generation soon
  }
  log_bytes_ = logs.bytes;
  recovered_sequence_ = logs.last_sequence;
  // A killed process may have made names that are not on disk yet. What this one makes would survive a loss of power without them.
  env_.sync_dir(dir_);
  logs_.begin(std::move(logs.next));
  if (logs.last_number >= manifest_.log_number + kMaxLogs) many_logs_ = true;
  begin_check(work_to_check(manifest_, state));
  if (durability_ == Durability::async) delayed_sync_.start([this] { sync_log(); });
}

BlockCheck::Work Storage::work_to_check(const Manifest& manifest, EngineState& state) {
  return BlockCheck::Work(manifest, read_only_, [this, &state] { return drop_index(state); });
}

void Storage::begin_check(BlockCheck::Work work) noexcept {
  check_.begin(std::move(work));
  if (started_ && background_check_) check_.start();
}

void Storage::start_check(std::function<void()> wake) {
  {
    MutexLock lock(error_mutex_);
    wake_ = std::move(wake);
  }
  started_ = true;
  if (background_check_) check_.start();
}

// A simulated disk maps memory of its own.
void Storage::offer_hot(std::vector<HotRange> ranges) {
  if (&env_ == &Env::real()) hot_.offer(std::move(ranges));
}

// The stored index is damaged: it is made again from the vectors, and the next checkpoint writes it whole. False: there was no memory for it.
bool Storage::drop_index(EngineState& state) noexcept {
  stored_.graph_damaged();
  try {
    fail(Error(ErrorCode::CORRUPTION, "the index is rebuilt: " + check_.status().error));
    {
      FifoLock writer(state.writer_mutex);
      auto next = std::make_shared<Snapshot>(*state.publisher.current());
      next->drop_indexes();
      next->dead_indexed = 0;
      next->indexed_sequence = 0;
      ++next->version;
      state.publisher.publish(state.publisher.prepare(std::shared_ptr<const Snapshot>(std::move(next))));
    }
    std::function<void()> wake;
    {
      MutexLock lock(error_mutex_);
      wake = wake_;
    }
    if (wake) wake();
    return true;
  } catch (...) {
    return false;
  }
}

// The current generation and its logs, read beside the writer and then shown as one.
void Storage::load_newest(EngineState& state) {
  with_current_manifest(env_, dir_, [&](Manifest&& manifest) {
    checkpoint_mutex_.assume_held();
    if (manifest.database != manifest_.database)
      throw Error(ErrorCode::CONFIG_MISMATCH, dir_ + " holds another database now; open it again");
    const auto staging = std::make_shared<EngineState>(state.options, nullptr);
    LoadedState loaded = read_stored("a segment", [&] { return load_state(env_, dir_, manifest, state.options); });
    // A graph that is missing because the generation is obsolete is not damaged.
    if (!loaded.warning.empty() && current_generation(env_, dir_) != manifest.generation)
      throw Error(ErrorCode::CORRUPTION, loaded.warning);
    install_state(*staging, loaded);
    auto logs = std::make_unique<LogFollower>(manifest.database, manifest.log_number, manifest.sequence);
    Writer writer(staging);
    try {
      follow_logs(*staging, writer, *logs);
    } catch (const Error& e) {
      // The log that CURRENT's manifest names: lost, unless another generation has come meanwhile.
      if (e.code() == ErrorCode::NOT_FOUND) throw Error(ErrorCode::CORRUPTION, e.message());
      throw;
    }
    BlockCheck::Work work = work_to_check(manifest, state);
    const Error warning(ErrorCode::CORRUPTION, loaded.warning);
    adopt_state(*staging, state, dir_, follower_ ? follower_->durable_sequence() : 0);
    // Nothing from here on can fail: what is shown, where its logs are read on and what is checked belong together.
    manifest_ = std::move(manifest);
    follower_ = std::move(logs);
    files_ = std::move(loaded.files);
    if (!loaded.warning.empty()) fail(warning);
    offer_hot(std::move(loaded.hot));
    note_manifest(*state.publisher.current());
    begin_check(std::move(work));
  });
}

// One commit per frame. True when there was one.
bool Storage::follow_logs(EngineState& state, Writer& writer, LogFollower& logs) {
  const std::uint64_t operations = logs.follow(env_, dir_, [&](const Frame& frame, const std::string& payload) {
    replay_frame(frame, payload, state.options, writer);
    replayed_.fetch_add(frame.operations, std::memory_order_relaxed);
  });
  if (state.publisher.current()->sequence != logs.sequence())
    throw Error(ErrorCode::INTERNAL, "replay ended at another sequence than the log");
  log_bytes_ = logs.bytes();
  return operations > 0;
}

bool Storage::refresh(EngineState& state, Writer& writer) {
  if (!read_only_) return false;
  MutexLock checkpoint(checkpoint_mutex_);
  if (current_generation(env_, dir_) == manifest_.generation) {
    try {
      return follow_logs(state, writer, *follower_);
    } catch (const LogParted&) {
      // A frame was shown whose write or sync failed afterwards.
    } catch (const Error& e) {
      // Its log is gone: another generation does without it, or another folder has taken this one's place.
      const bool moved = e.code() == ErrorCode::CORRUPTION && current_generation(env_, dir_) != manifest_.generation;
      if (!moved && e.code() != ErrorCode::NOT_FOUND) throw;
    }
  }
  load_newest(state);
  return true;
}

// Whoever removes or replaces the folder, or its LOCK, lets another writer in: what stands there is not ours any more.
void Storage::require_in_place() const {
  if (lock_ != nullptr && lock_->in_place()) return;
  throw Error(ErrorCode::READ_ONLY, dir_ + ": the folder or its LOCK was removed or replaced meanwhile");
}

void Storage::log(const WritePlan& plan, const std::function<void()>& meanwhile) {
  if (read_only_) throw Error(ErrorCode::READ_ONLY, "the database was opened with readOnly");
  require_in_place();
  check_.require_sound();
  if (durability_ == Durability::memory) return meanwhile();
  std::shared_ptr<LogWriter> log = logs_.current();
  if (log == nullptr || log->ended()) log = logs_.next(plan.base()->sequence);
  // A frame whose sync failed stays in a poisoned log, which refuses the next one itself.
  if (!log->poisoned() && log->last_sequence() != plan.base()->sequence)
    throw Error(ErrorCode::INTERNAL, "the log stands at another sequence than the database");
  const OpRecord record(plan, plan.options());
  const std::uint64_t before = log->size();
  log->append(record.operations(), record.pieces().data(), record.pieces().size());
  log_bytes_.fetch_add(log->size() - before, std::memory_order_relaxed);
  if (durability_ == Durability::fsync) {
    log->start_sync();
    meanwhile();
    log->sync();
    return;
  }
  meanwhile();
  delayed_sync_.request();
}

void Storage::flush(EngineState& state) {
  if (read_only_) return;
  require_in_place();
  if (durability_ == Durability::memory) {
    // Not given up for a close, which would have to do it as well.
    checkpoint_until(
        state, [] {}, false);
  } else if (const std::shared_ptr<LogWriter> log = logs_.current()) {
    log->sync();
  }
}

// Mode async.
void Storage::sync_log() noexcept {
  try {
    logs_.current()->sync();
  } catch (...) {
    fail(current_error());
  }
}

void Storage::fail(const Error& error) noexcept {
  try {
    MutexLock lock(error_mutex_);
    last_error_ = error.message();
  } catch (...) {
    // Without memory for the message there is none.
  }
}

void Storage::note_manifest(const Snapshot& of) {
  std::uint64_t bytes = 0;
  for (const SegmentRef& ref : manifest_.segments) bytes += ref.file_size;
  segment_bytes_ = bytes;
  checkpoint_sequence_ = manifest_.sequence;
  checkpointed_generation_ = of.generation.get();
  stored_.note(of);
}

bool Storage::checkpoint_due(const Snapshot& now) const noexcept {
  // While the check runs, a checkpoint would wait for it; the log goes on.
  if (read_only_ || closed_ || check_.running()) return false;
  // A compaction is written soon, so that the space of deleted rows comes back.
  if (now.generation.get() != checkpointed_generation_ && log_bytes_ >= retry_bytes_) return true;
  if (many_logs_ && log_bytes_ >= retry_bytes_) return true;
  if (durability_ == Durability::memory) return false;
  return log_bytes_ >= std::max(checkpoint_bytes_, retry_bytes_.load());
}

void Storage::checkpoint(EngineState& state, const CancelToken* cancel, bool renew) {
  const auto asked = [this, cancel] {
    closing_.check();
    if (cancel != nullptr) cancel->check();
  };
  checkpoint_until(state, asked, renew);
}

void Storage::checkpoint_until(EngineState& state, const BlockCheck::Asked& asked, bool renew) {
  MutexLock lock(checkpoint_mutex_);
  try {
    run_checkpoint(state, asked, renew);
  } catch (...) {
    const Error error = current_error();
    if (error.code() != ErrorCode::ABORTED) fail(error);
    retry_bytes_ = log_bytes_ + kRetryBytes;
    throw;
  }
}

void Storage::run_checkpoint(EngineState& state, const BlockCheck::Asked& asked, bool renew) {
  if (read_only_) throw Error(ErrorCode::READ_ONLY, "the database was opened with readOnly");
  require_in_place();
  // What was mapped is written anew, or named again as sound.
  check_.finish(false, asked);
  check_.require_sound();
  std::shared_ptr<const Snapshot> now;
  CheckpointMark mark;
  Reuse reuse;
  std::uint64_t log_bytes, log_number;
  {
    FifoLock writer(state.writer_mutex);
    now = state.publisher.current();
    stored_.note_moved_head(now->generation->records.take_moved_head());
    reuse = stored_.reusable(manifest_, *now);
    if (reuse.everything && !many_logs_ && !renew) {
      // The log may hold a frame whose sync failed, for which no checkpoint helps.
      retry_bytes_ = log_bytes_ + kRetryBytes;
      return;
    }
    mark = CheckpointMark{state.next_id, state.far_ids, now->generation->records.text().end()};
    log_bytes = log_bytes_;
    // In mode 'memory' it holds nothing, and its failed sync would keep every later checkpoint from the disk.
    const std::shared_ptr<LogWriter> log = logs_.current();
    if (log != nullptr && !log->ended() && durability_ != Durability::memory) log->seal();
    // Here: once the mutex is free, a failed append may bring the log after it.
    log_number = logs_.next(now->sequence)->number();
  }
  Manifest next = manifest_;
  next.previous_generation = manifest_.generation;
  next.generation = ++last_tried_;
  next.log_number = log_number;
  try {
    write_checkpoint(env_, dir_, *now, mark, reuse, manifest_, &next);
    write_manifest(env_, dir_, next);
  } catch (...) {
    discard_generation(env_, dir_, next.generation, manifest_.next_segment);
    manifest_.next_segment = next.next_segment;
    throw;
  }
  manifest_.next_segment = next.next_segment;
  switch_manifest(env_, dir_);
  manifest_ = std::move(next);
  if (!reuse.graph) stored_.graph_written();
  damaged_manifest_.reset();
  note_manifest(*now);
  log_bytes_ -= log_bytes;
  retry_bytes_ = 0;
  many_logs_ = false;
  ++checkpoints_;
  try {
    remove_obsolete_files(env_, dir_, manifest_);
  } catch (...) {
    // Nothing of the checkpoint: the next one tries it again.
    fail(current_error());
  }
  give_back(*now);
}

// Also pages of segments that the checkpoint has replaced: removed files keep their space as long as they are mapped.
void Storage::give_back(const Snapshot& stored) noexcept {
  try {
    const std::uint64_t budget = hot_.limit() - std::min(hot_.limit(), hot_.bytes());
    std::vector<HotRange> copied;
    hot_.while_still([&](const std::vector<HotRange>& hot) {
      checkpoint_mutex_.assume_held();
      copied = stored_pages_.give_back(env_, dir_, manifest_, stored, budget, hot);
    });
    if (!copied.empty()) offer_hot(std::move(copied));
  } catch (...) {
    // Without memory for a list: after the next checkpoint.
  }
}

std::shared_ptr<std::byte> Storage::scratch(std::uint64_t bytes) {
  if (bytes == 0) return nullptr;
  const auto size = static_cast<std::size_t>(bytes);
  std::byte* const pages = env_.allocate_scratch(dir_, size);
  if (pages == nullptr) return nullptr;
  return std::shared_ptr<std::byte>(pages, [size](std::byte* p) { free_pages(p, size); });
}

void Storage::reclaim(EngineState& state, const CancelToken* cancel) {
  checkpoint(state, cancel);
  const auto worth = [&] {
    MutexLock lock(checkpoint_mutex_);
    return older_bytes(env_, dir_, manifest_) > kWorthBytes;
  };
  if (worth()) checkpoint(state, cancel, true);
}

void Storage::snapshot(EngineState& state, const std::string& dir) {
  MutexLock lock(checkpoint_mutex_);
  if (read_only_) {
    require_checked_files();
    // Part of what is visible is in the log, and the files may be gone.
    const auto write = [&](Manifest* copy) {
      checkpoint_mutex_.assume_held();
      CheckpointMark mark;
      std::shared_ptr<const Snapshot> now;
      {
        FifoLock writer(state.writer_mutex);
        now = state.publisher.current();
        mark = CheckpointMark{state.next_id, state.far_ids, now->generation->records.text().end()};
      }
      write_checkpoint(env_, dir, *now, mark, Reuse{}, manifest_, copy);
    };
    return write_folder(env_, dir, manifest_, write);
  }
  run_checkpoint(state, [] {});
  write_folder(env_, dir, manifest_, [&](Manifest* copy) {
    for (const SegmentRef& ref : copy->segments) {
      const std::string name = segment_name(ref.kind, ref.number);
      env_.link_or_copy(join_path(dir_, name), join_path(dir, name));
    }
  });
}

// Read-only: what is copied from mappings was read from its files and found sound. Files that the writer has removed are read in their mappings.
void Storage::require_checked_files() {
  check_.finish(false, [] {});
  check_.require_sound();
  for (const std::string& name : check_.vanished()) {
    for (const std::weak_ptr<const SegmentReader>& mapped : files_) {
      const std::shared_ptr<const SegmentReader> file = mapped.lock();
      if (file != nullptr && file->path() == join_path(dir_, name)) file->verify();
    }
  }
}

void Storage::verify(Progress* progress, const CancelToken* cancel) {
  MutexLock lock(checkpoint_mutex_);
  if (!read_only_) return verify_folder(env_, dir_, manifest_, progress, cancel);
  // What this opener reads may have been replaced meanwhile: it is the folder that is looked at.
  with_current_manifest(env_, dir_, [&](Manifest&& manifest) {
    if (progress != nullptr) progress->done = 0;
    verify_folder(env_, dir_, manifest, progress, cancel);
  });
}

void Storage::close(EngineState& state) {
  if (closed_.exchange(true)) return;
  delayed_sync_.stop();
  check_.stop();
  if (read_only_) return;
  try {
    MutexLock checkpoint(checkpoint_mutex_);
    // Recovery did not finish: nothing was written.
    if (!logs_.begun()) {
      lock_.reset();
      return;
    }
    require_in_place();
    // A checkpoint makes the next open fast; it is left out where the log is short.
    const bool sound = check_.status().state != BlockCheck::State::damaged;
    const bool worth = log_bytes_ > kWorthBytes && sound && check_.bytes_left() <= kCheckAtClose;
    if (!logs_.poisoned() && (worth || durability_ == Durability::memory)) run_checkpoint(state, [] {});
    if (logs_.poisoned()) throw Error(ErrorCode::READ_ONLY, "a sync failed; what was not acknowledged may be lost");
    logs_.finish();
  } catch (...) {
    lock_.reset();
    throw;
  }
  lock_.reset();
}

Storage::Status Storage::status() const {
  Status out;
  out.check = check_.status();
  out.hot_bytes = hot_.bytes();
  out.given_back_bytes = stored_pages_.bytes();
  MutexLock lock(error_mutex_);
  // In mode memory a log begins where the checkpoint that it belongs to will end.
  out.durable_sequence = std::max<Sequence>(
      checkpoint_sequence_, durability_ == Durability::memory ? recovered_sequence_.load() : logs_.durable_sequence());
  out.log_bytes = log_bytes_;
  out.segment_bytes = segment_bytes_;
  out.checkpoints = checkpoints_;
  out.replayed = replayed_;
  out.last_error = last_error_;
  return out;
}

}  // namespace sagedb
