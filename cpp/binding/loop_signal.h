// Wakes the event loop of one environment from any thread, by an async handle of libuv. A thread-safe function does it under its lock: the
// loop, awake at once, waits for the thread that woke it.
//
// Thread safety: send() anywhere, the others on the JavaScript thread.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

#include "binding/loop_handle.h"

namespace sagedb {

class LoopSignal {
 public:
  // `received` runs on the event loop, in a handle scope, once for one or more send(); not after the signal is gone. Null where the program
  // has no libuv. The signal does not keep the loop alive until it is told to.
  static std::unique_ptr<LoopSignal> make(Napi::Env env, std::function<void()> received);
  ~LoopSignal() { handle_->close(); }
  LoopSignal(const LoopSignal&) = delete;
  LoopSignal& operator=(const LoopSignal&) = delete;

  // False when it failed. Not once the environment has ended.
  bool send() noexcept { return handle_->uv().async_send(handle_->raw()) == 0; }
  void keep_alive(bool alive) noexcept { handle_->keep_alive(alive); }

 private:
  explicit LoopSignal(std::shared_ptr<LoopHandle> handle) noexcept : handle_(std::move(handle)) {}

  const std::shared_ptr<LoopHandle> handle_;
};

}  // namespace sagedb
