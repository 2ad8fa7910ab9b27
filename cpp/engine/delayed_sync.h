// Mode async: a thread of its own syncs shortly after a write, once for all writes until then.
//
// Thread safety: request() from any thread after start(); start() and stop() by the owner.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace sagedb {

class DelayedSync {
 public:
  ~DelayedSync() { stop(); }

  // `sync` must not throw. Without this call requests are kept and nothing runs.
  void start(std::function<void()> sync);
  // There is something to sync: at the latest after kSyncDelay, of delayed_sync.cpp, and the time that the disk takes.
  void request() noexcept;
  // What was requested is synced when it returns. Idempotent.
  void stop() noexcept;

 private:
  void loop() noexcept;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool requested_ = false;  // guarded by mutex_, as below
  bool stopping_ = false;
  std::function<void()> sync_;
  std::thread thread_;
};

}  // namespace sagedb
