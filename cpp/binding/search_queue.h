// Batches of searches of one environment on their way through the libuv pool. A few workers take batch after batch for as long as one
// waits, so that the engine goes on while the event loop turns results into objects and gathers the next batch. When a caller asks one
// question at once after the other, the worker stays for a moment after each: waking a thread takes longer than a search.
//
// Thread safety: made, submit() and close() on the JavaScript thread; workers on the pool.
#pragma once

#include <napi.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "binding/job_channel.h"
#include "binding/search_job.h"

namespace sagedb {

class SearchQueue : public std::enable_shared_from_this<SearchQueue> {
 public:
  // At most `workers` batches run at a time. Throws Napi::Error.
  static std::shared_ptr<SearchQueue> make(Napi::Env env, int workers);

  void submit(std::unique_ptr<SearchJob> job);

 private:
  class Worker;
  SearchQueue(Napi::Env env, int workers);
  void start_worker();
  // The next batch for a worker that has finished `last` (may be null), which goes out while the worker goes on. Null: nothing waits, and the
  // worker is no longer counted.
  std::unique_ptr<SearchJob> next(std::unique_ptr<SearchJob>* last);
  void wait_a_moment();
  void deliver(std::unique_ptr<SearchJob> job);
  // Completes the batch that came back with its worker.
  void complete(SearchJob* job);
  void close() noexcept;

  const Napi::Env env_;
  const int workers_;
  JobChannel channel_;
  std::mutex mutex_;
  std::deque<std::unique_ptr<SearchJob>> waiting_;  // guarded by mutex_
  int active_ = 0;  // workers; guarded by mutex_
  bool expecting_ = false;  // a worker waits for a moment; guarded by mutex_
  bool in_turn_ = false;  // the last batch came at once after the one before; guarded by mutex_
  std::chrono::steady_clock::time_point finished_;  // of the last batch; guarded by mutex_
  std::atomic<bool> called_{false};  // something waits, or the queue was closed
  bool closed_ = false;  // guarded by mutex_
  std::vector<std::unique_ptr<Job>> undelivered_;  // guarded by mutex_; the environment ended first
};

}  // namespace sagedb
