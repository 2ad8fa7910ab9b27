// A thread with a queue, for work that may wait: writes (back-pressure) and index builds. On the libuv pool it would hold up the
// file reads and searches of the whole process.
//
// Thread safety: made, used and destroyed on the JavaScript thread of one environment; jobs run on the thread in the order of
// submit() and complete on the JavaScript thread.
// Invariants: the thread is joined before the environment ends; the event loop stays alive while a job is pending and only then.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "binding/job_channel.h"
#include "binding/moment.h"

namespace sagedb {

class JobThread {
 public:
  // Throws Napi::Error, or std::system_error when no thread can be had.
  JobThread(Napi::Env env, const std::string& name);
  ~JobThread();
  JobThread(const JobThread&) = delete;
  JobThread& operator=(const JobThread&) = delete;

  void submit(std::unique_ptr<Job> job);
  // Every job has been completed, or its completion has begun.
  bool idle() const noexcept { return channel_.idle(); }
  // Cancels what runs, drops what waits, joins. Idempotent.
  void shutdown() noexcept;

 private:
  void run();

  JobChannel channel_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> waiting_;  // guarded by mutex_
  Moment moment_;  // guarded by mutex_, but for wait()
  Job* running_ = nullptr;  // guarded by mutex_
  bool stopped_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sagedb
