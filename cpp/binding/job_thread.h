// A thread with a queue, for work that may wait: writes (back-pressure) and index builds. On the libuv pool it would hold up the
// file reads and searches of the whole process.
//
// Thread safety: made, used and destroyed on the JavaScript thread of one environment; jobs run on the thread in the order of
// submit() and complete on the JavaScript thread.
// Invariants: no call reaches the thread-safe function after shutdown() began; the thread is joined before the environment ends;
// the event loop stays alive while a job is pending and only then.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sagedb {

class Job {
 public:
  explicit Job(const Napi::Function& callback) : callback_(Napi::Persistent(callback)) {}
  virtual ~Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // On the job thread.
  virtual void execute() noexcept = 0;
  // On the JavaScript thread; calls the callback.
  virtual void complete(Napi::Env env) = 0;
  // From the JavaScript thread while execute() may run.
  virtual void cancel() noexcept = 0;
  // The environment ends without complete(): its references go with it.
  void abandon() noexcept { callback_.SuppressDestruct(); }

 protected:
  Napi::FunctionReference callback_;
};

class JobThread {
 public:
  // Throws Napi::Error, or std::system_error when no thread can be had.
  JobThread(Napi::Env env, const std::string& name);
  ~JobThread();
  JobThread(const JobThread&) = delete;
  JobThread& operator=(const JobThread&) = delete;

  void submit(std::unique_ptr<Job> job);
  // Cancels what runs, drops what waits, joins. Idempotent.
  void shutdown() noexcept;

 private:
  void run();
  static void deliver(napi_env env, napi_value callback, void* context, void* data);
  static void on_environment_exit(void* self);

  const Napi::Env env_;
  napi_threadsafe_function channel_ = nullptr;
  std::size_t pending_ = 0;  // JavaScript thread only
  bool hooked_ = false;  // JavaScript thread only

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> waiting_;  // guarded by mutex_
  Job* running_ = nullptr;  // guarded by mutex_
  bool stopped_ = false;  // guarded by mutex_
  std::vector<std::unique_ptr<Job>> undelivered_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sagedb
