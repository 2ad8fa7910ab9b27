// Hands finished jobs from any thread to the JavaScript thread of one environment: to a loop that turns, else through a signal of libuv where
// there is one, else through a thread-safe function.
//
// Thread safety: made, expect() and close() on the JavaScript thread; deliver() anywhere.
// Invariants: no job is delivered after close() began; the event loop stays alive while a job is expected and only then.
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
#include "binding/loop_signal.h"
#include "binding/loop_turner.h"

namespace sagedb {

class JobChannel : private LoopReceiver {
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
  // Nothing is on its way. JavaScript thread.
  bool idle() const noexcept { return expected_ == 0; }
  // Completes the job on the JavaScript thread, or abandons it when the channel is closed.
  void deliver(std::unique_ptr<Job> job);
  // Idempotent. What was delivered and not completed yet is abandoned.
  void close() noexcept;

 private:
  bool wake_by_signal(const Napi::String& resource);
  void wake_by_function(const Napi::String& resource);
  void keep_alive(bool alive);
  // False when it failed.
  bool wake() noexcept;
  // Completes what was delivered.
  void receive() override;
  void receive_later() noexcept override;
  void complete(std::unique_ptr<Job> job);
  static void on_function_called(napi_env env, napi_value callback, void* channel, void* data);
  static void on_environment_exit(void* self);

  const Napi::Env env_;
  const std::function<void()> on_exit_;
  std::size_t expected_ = 0;  // JavaScript thread only
  bool hooked_ = false;  // JavaScript thread only
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // JavaScript thread only; until close()
  std::shared_ptr<LoopTurner> turner_;  // beside a signal
  // One of them, until the channel closes.
  std::unique_ptr<LoopSignal> signal_;
  napi_threadsafe_function function_ = nullptr;
  napi_async_context context_ = nullptr;  // of the calls that a signal brings
  std::mutex mutex_;
  bool open_ = true;  // guarded by mutex_
  std::atomic<bool> noticed_{false};  // the loop knows of what is delivered, or is about to; changes under mutex_
  std::vector<std::unique_ptr<Job>> delivered_;  // guarded by mutex_; not completed yet
  std::vector<std::unique_ptr<Job>>
      undelivered_;  // guarded by mutex_; freed with the channel, on the JavaScript thread
  // Threads that announce and wake, without the lock: the loop, awake at once, would wait for it.
  std::atomic<int> delivering_{0};
};

}  // namespace sagedb
