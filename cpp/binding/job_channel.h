// Hands finished jobs from any thread to the JavaScript thread of one environment, through a thread-safe function.
//
// Thread safety: made, expect() and close() on the JavaScript thread; deliver() anywhere.
// Invariants: no call reaches the thread-safe function after close() began; the event loop stays alive while a job is expected and only then.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "binding/job.h"

namespace sagedb {

class JobChannel {
 public:
  // `on_exit` runs when the environment ends, while the channel still works. Throws Napi::Error.
  JobChannel(Napi::Env env, const std::string& name, std::function<void()> on_exit);
  ~JobChannel();
  JobChannel(const JobChannel&) = delete;
  JobChannel& operator=(const JobChannel&) = delete;

  // One more job is on its way.
  void expect();
  // An expected job came another way.
  void arrived();
  // Completes the job on the JavaScript thread, or abandons it when the channel is closed.
  void deliver(std::unique_ptr<Job> job);
  // How many jobs all channels of the process have delivered. Any thread.
  static std::uint64_t deliveries() noexcept { return deliveries_.load(std::memory_order_acquire); }
  // Idempotent. What was delivered and not completed yet is abandoned.
  void close() noexcept;

 private:
  static void complete(napi_env env, napi_value callback, void* context, void* data);
  static void on_environment_exit(void* self);

  static std::atomic<std::uint64_t> deliveries_;

  const Napi::Env env_;
  const std::function<void()> on_exit_;
  std::size_t expected_ = 0;  // JavaScript thread only
  bool hooked_ = false;  // JavaScript thread only
  std::mutex mutex_;
  napi_threadsafe_function function_ = nullptr;  // changed on the JavaScript thread, under mutex_; null when closed
  std::vector<std::unique_ptr<Job>>
      undelivered_;  // guarded by mutex_; freed with the channel, on the JavaScript thread
};

}  // namespace sagedb
