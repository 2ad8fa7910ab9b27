// Searches and reads of one environment on their way through the libuv pool. A few workers take job after job for as long as one waits, so
// that the engine goes on while the event loop turns results into objects and gathers the next. When a caller asks one question at once
// after the other, or many callers do, a worker that finds nothing stays for a moment: waking a thread takes longer than a search.
//
// Thread safety: made, submit() and close() on the JavaScript thread; workers on the pool.
#pragma once

#include <napi.h>

#include <deque>
#include <memory>
#include <mutex>

#include "binding/job.h"
#include "binding/job_channel.h"
#include "binding/moment.h"

namespace sagedb {

class JobQueue : public std::enable_shared_from_this<JobQueue> {
 public:
  // At most `workers` jobs run at a time. Throws Napi::Error.
  static std::shared_ptr<JobQueue> make(Napi::Env env, const char* name, int workers);

  void submit(std::unique_ptr<Job> job);

 private:
  class Worker;
  JobQueue(Napi::Env env, const char* name, int workers);
  void start_worker();
  // The next job for a worker that has finished `last` (may be null), which goes out while the worker goes on. Null: nothing waits, and the
  // worker is no longer counted. From `stay_until` on the worker does not stay where nothing waits.
  std::unique_ptr<Job> next(std::unique_ptr<Job>* last, Moment::Clock::time_point stay_until);
  // Delivers `last` and waits for a job while one is likely to come.
  void stay(std::unique_lock<std::mutex>* lock, std::unique_ptr<Job>* last, Moment::Clock::time_point now);
  // Completes the job that came back with its worker.
  void complete(Job* job);
  void close() noexcept;

  const Napi::Env env_;
  const char* const name_;
  const int workers_;
  JobChannel channel_;
  std::mutex mutex_;
  std::deque<std::unique_ptr<Job>> waiting_;  // guarded by mutex_
  int active_ = 0;  // workers; guarded by mutex_
  int staying_ = 0;  // of them, workers that wait for a moment; guarded by mutex_
  Moment moment_;  // guarded by mutex_, but for wait()
  bool closed_ = false;  // guarded by mutex_
};

}  // namespace sagedb
