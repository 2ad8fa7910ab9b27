// The engine's side of the disk: what is logged before a commit, checkpoints, recovery, the folder's lock.
//
// Thread safety: log() by the holder of EngineState::writer_mutex; everything else from any thread.
// Lock order: checkpoint_mutex_ before EngineState::writer_mutex before the mutex of logs_.
// Invariants: nothing becomes visible before log() returned; after a failed sync nothing is accepted until a reopen; a failed checkpoint
// changes nothing.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/mutex.h"
#include "engine/block_check.h"
#include "engine/delayed_sync.h"
#include "engine/loaded_state.h"
#include "engine/stored_pages.h"
#include "engine/stored_state.h"
#include "storage/log_chain.h"
#include "storage/log_follower.h"

namespace sagedb {

class WritePlan;
class Writer;

class Storage {
 public:
  // Locks the folder (unless read-only), creates or reads the database and resolves `options` with what is stored. Throws LOCKED,
  // NOT_FOUND, CONFIG_MISMATCH, UNSUPPORTED_FORMAT, CORRUPTION and I/O errors.
  static std::unique_ptr<Storage> open(Options* options);
  ~Storage();

  // Fills the new engine: segments, then the log. Before any other thread knows the engine.
  void recover(EngineState& state, Writer& writer);
  // Read-only: takes over what the folder's writer has made known since. True when there was something. When it throws, the state is as
  // before, or at one of the commits between. The switch to another generation refuses builds that began on the old one.
  bool refresh(EngineState& state, Writer& writer);

  // Begins the check of what was mapped, in the background unless the options say otherwise. `wake` is called when the index was dropped.
  void start_check(std::function<void()> wake);
  // Before something is built on the stored index: it is sound, or gone.
  void require_index_checked(const CancelToken& cancel) {
    check_.finish(true, [&cancel] { cancel.check(); });
  }
  void stop_check() noexcept { check_.stop(); }

  // Before a commit: the plan is in the log, and on disk in mode fsync, when it returns. Otherwise it throws and nothing has happened. `meanwhile` is
  // called once while the disk is at work, if nothing was thrown before.
  void log(const WritePlan& plan, const std::function<void()>& meanwhile);
  // Everything acknowledged before the call is on disk when it returns.
  void flush(EngineState& state);

  // Hot pages of the mapped segments are to be moved into memory, by the thread that calls move_hot() then.
  bool hot_due(std::uint64_t searches) const noexcept { return hot_.due(searches) && !check_.running(); }
  void move_hot() { hot_.step(); }

  bool checkpoint_due(const Snapshot& now) const noexcept;
  // `renew`: a new generation even when it holds what the current one does.
  // ABORTED while it waits for the check of the blocks and `cancel` or close_soon() says so.
  void checkpoint(EngineState& state, const CancelToken* cancel = nullptr, bool renew = false);
  // Whether one more copy of so many bytes of data is made in memory. A reader makes no files.
  bool copies_in_memory(std::uint64_t bytes) const noexcept { return read_only_ || bytes <= hot_.limit(); }
  // For other copies: pages that the system may write to the disk. Null where there are none, or for no bytes.
  std::shared_ptr<std::byte> scratch(std::uint64_t bytes);
  // A checkpoint, and another when the generation before, which is kept, is all that holds on to what a compaction has left behind.
  void reclaim(EngineState& state, const CancelToken* cancel);
  // A complete database of the current state in another folder, sharing file contents where the file system can.
  void snapshot(EngineState& state, const std::string& dir);
  // Reads every checksum of segments, manifest and logs. Throws CORRUPTION.
  void verify(Progress* progress, const CancelToken* cancel);
  // Checkpoints that wait for the check of the blocks, which may take minutes, end with ABORTED from now on.
  void close_soon() noexcept { closing_.cancel(); }
  // Last checkpoint or seal, then releases the lock. Idempotent. Throws what kept acknowledged writes from the disk.
  void close(EngineState& state);

  struct Status {
    Sequence durable_sequence = 0;
    std::uint64_t log_bytes = 0;  // since the last checkpoint
    std::uint64_t segment_bytes = 0;  // of the last checkpoint
    std::uint64_t checkpoints = 0;
    std::uint64_t replayed = 0;  // operations read from the log at open
    std::uint64_t hot_bytes = 0;  // of mapped segments, moved into memory
    std::uint64_t given_back_bytes = 0;  // of what was written, read from segments instead of memory
    std::string last_error;
    BlockCheck::Status check;
  };
  Status status() const;

 private:
  Storage(Env& env, const Options& options);
  void recover_writable(EngineState& state, Writer& writer) REQUIRES(checkpoint_mutex_);
  void load_newest(EngineState& state) REQUIRES(checkpoint_mutex_);
  bool follow_logs(EngineState& state, Writer& writer, LogFollower& logs);
  BlockCheck::Work work_to_check(const Manifest& manifest, EngineState& state);
  void begin_check(BlockCheck::Work work) noexcept;
  bool drop_index(EngineState& state) noexcept;
  void require_checked_files() REQUIRES(checkpoint_mutex_);
  void offer_hot(std::vector<HotRange> ranges);
  void checkpoint_until(EngineState& state, const BlockCheck::Asked& asked, bool renew);
  void run_checkpoint(EngineState& state, const BlockCheck::Asked& asked, bool renew = false)
      REQUIRES(checkpoint_mutex_);
  void give_back(const Snapshot& stored) noexcept REQUIRES(checkpoint_mutex_);
  void note_manifest(const Snapshot& of) REQUIRES(checkpoint_mutex_);
  void sync_log() noexcept;
  void require_in_place() const;
  void fail(const Error& error) noexcept;

  Env& env_;
  const std::string dir_;
  const Durability durability_;
  const bool read_only_;
  const std::uint64_t checkpoint_bytes_;
  const bool background_check_;
  std::unique_ptr<FileLock> lock_;

  Mutex checkpoint_mutex_{"checkpoint"};
  Manifest manifest_ GUARDED_BY(checkpoint_mutex_);
  std::uint64_t last_tried_ GUARDED_BY(checkpoint_mutex_) = 0;  // generation numbers are never tried twice
  StoredState stored_;  // what the segments of manifest_ hold; under checkpoint_mutex_, but for the notice of damage
  std::unique_ptr<LogFollower> follower_ GUARDED_BY(checkpoint_mutex_);  // read-only
  std::vector<std::weak_ptr<const SegmentReader>> files_
      GUARDED_BY(checkpoint_mutex_);  // read-only: those of manifest_
  std::optional<CurrentName> damaged_manifest_ GUARDED_BY(checkpoint_mutex_);  // an older one was opened in its place

  LogChain logs_;  // next() by the holder of EngineState::writer_mutex

  mutable Mutex error_mutex_{"storage_error"};
  std::string last_error_ GUARDED_BY(error_mutex_);

  // For decisions and statistics.
  std::atomic<std::uint64_t> log_bytes_{0}, segment_bytes_{0}, checkpoints_{0}, replayed_{0}, retry_bytes_{0};
  std::atomic<Sequence> checkpoint_sequence_{0}, recovered_sequence_{0};
  std::atomic<bool> many_logs_{false};
  std::atomic<const Generation*> checkpointed_generation_{nullptr};

  std::atomic<bool> started_{false}, closed_{false};
  CancelToken closing_;

  HotPages hot_;
  StoredPages stored_pages_;  // give_back() under checkpoint_mutex_
  DelayedSync delayed_sync_;  // mode async; before what its thread uses goes
  std::function<void()> wake_ GUARDED_BY(error_mutex_);  // constant after start_check()
  BlockCheck check_;  // last: its thread uses all of the above
};

}  // namespace sagedb
