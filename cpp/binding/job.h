// Work that runs off the JavaScript thread and ends with a call to its callback there.
#pragma once

#include <napi.h>

namespace sagedb {

class Job {
 public:
  explicit Job(const Napi::Function& callback) : callback_(Napi::Persistent(callback)) {}
  virtual ~Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  // Off the JavaScript thread.
  virtual void execute() noexcept = 0;
  // On the JavaScript thread; calls the callback.
  virtual void complete(Napi::Env env) = 0;
  // This many jobs run beside each other and divide the engine's threads among them. Before execute().
  virtual void share_threads(int) noexcept {}
  // From the JavaScript thread while execute() may run.
  virtual void cancel() noexcept = 0;
  // The environment ends without complete(): its references go with it.
  void abandon() noexcept { callback_.SuppressDestruct(); }

 protected:
  Napi::FunctionReference callback_;
};

// complete() with what it throws as a JavaScript exception.
void complete_job(Napi::Env env, Job* job);

}  // namespace sagedb
