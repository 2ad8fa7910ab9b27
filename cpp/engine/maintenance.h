// The one background thread of an engine: builds, compactions, freeing what readers left behind.
//
// Thread safety: every method from any thread. The thread holds EngineState by shared_ptr and nothing of the facade; stop() cancels the running
// job and joins.
// Invariants: at most one job at a time; a failed job changes nothing that is visible, and its error is kept.
#pragma once

#include <chrono>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/cancel.h"
#include "engine/build_job.h"
#include "engine/build_scheduler.h"
#include "engine/engine_state.h"

namespace sagedb {

class Maintenance {
 public:
  explicit Maintenance(std::shared_ptr<EngineState> state);
  ~Maintenance();

  // After a commit: wakes the thread when there is work. Cheap when there is none.
  void notify() noexcept;
  // After a switch of generations outside of the thread: wakes it to free what was replaced.
  void collect() noexcept;
  // Waits until snapshots have the text index, which is read in the background after an open. Throws ABORTED and what the attempt under way,
  // or a new one when the last has failed, failed with.
  void wait_for_text(const CancelToken* cancel);
  // Back-pressure: waits while the fresh tail is longer than the builder may be behind. Returns at once after stop() or a failed build.
  void wait_for_room(const CancelToken* cancel);
  // Waits until everything committed now is indexed (and, with `compact`, tombstones are gone). Throws ABORTED, BUILD_FAILED.
  void run_and_wait(bool compact, const CancelToken* cancel, Progress* progress);
  void stop() noexcept;

  struct Status {
    bool building = false;
    std::uint64_t done = 0, total = 0;
    std::string last_error;
  };
  Status status() const;

 private:
  // One explicit buildIndex() or optimize() under way.
  struct Waiter {
    Sequence target;  // everything committed at or before it is to be indexed
    bool compact;  // and a compaction that starts after `compactions` is to succeed
    std::uint64_t compactions;
    bool
        tidy;  // and old rows are to be checked, at the latest after so many more than `tidied` tidyings as are a whole turn
    std::uint64_t tidied;
    std::optional<Error> error;
  };
  bool satisfied(const Waiter& waiter) const;
  void collect_requests();
  void loop() noexcept;
  void run_job(Work work) noexcept;
  void count(Work work) noexcept;
  bool text_due() const;
  void load_text() noexcept;
  void load_metadata() noexcept;
  void move_hot() noexcept;
  void build(Work work);
  Row encode_ahead(const Snapshot& sealed, Row encoded, const std::vector<BuildOutput>& built);
  void install(Work work, const Snapshot& sealed, Row rows, std::vector<BuildOutput> built);
  void calibrate();
  void finish_job(Work work, const std::optional<Error>& error) noexcept;
  BuildContext context();

  const std::shared_ptr<EngineState> state_;
  mutable std::mutex mutex_;
  std::condition_variable work_cv_;  // the thread waits here
  std::condition_variable done_cv_;  // callers wait here
  WorkRequests requests_;  // guarded by mutex_, as all below
  std::list<Waiter> waiters_;
  bool stopping_ = false;
  bool failing_ = false;  // the last job failed: do not hold writers back
  int held_back_ = 0;  // writers that wait for room
  std::uint64_t compactions_started_ = 0;
  std::uint64_t tidied_ = 0;  // tidyings done
  bool tidied_last_ = false;  // the last job was one
  std::uint64_t compactions_done_ = 0;  // number of the last one that succeeded
  std::optional<Error> last_error_;
  bool text_wanted_ = true;  // false: the last attempt to read the texts failed, and nobody has asked since
  std::uint64_t text_failures_ = 0;
  std::optional<Error> text_error_;  // of the last of them
  std::chrono::steady_clock::time_point job_began_;
  std::weak_ptr<const Generation> working_on_;  // what the running job began with
  std::chrono::steady_clock::time_point calibrate_after_;
  bool building_ = false;
  bool tidying_ = false;
  std::optional<CancelToken> cancel_;  // of the running job
  Progress progress_;
  std::thread thread_;
};

}  // namespace sagedb
