// Wakes the event loop of one environment from any thread, by an async handle of libuv. A thread-safe function does it under its lock: the
// loop, awake at once, waits for the thread that woke it.
//
// Thread safety: send() anywhere, the others on the JavaScript thread. Invariant: frees itself when its handle is closed.
#pragma once

#include <napi.h>

#include <functional>

#include "binding/loop_functions.h"

namespace sagedb {

class LoopSignal {
 public:
  // `received` runs on the event loop, in a handle scope, once for one or more send(). Null where the program has no libuv. The signal does not
  // keep the loop alive until it is told to.
  static LoopSignal* make(Napi::Env env, std::function<void()> received);
  LoopSignal(const LoopSignal&) = delete;
  LoopSignal& operator=(const LoopSignal&) = delete;

  // False when it failed. Not after close() began.
  bool send() noexcept { return uv_.async_send(handle_) == 0; }
  void keep_alive(bool alive) noexcept { (alive ? uv_.ref : uv_.unref)(handle_); }
  // No `received` from here on.
  void close() noexcept;

 private:
  LoopSignal(Napi::Env env, const LoopFunctions& uv, std::function<void()> received)
      : env_(env), uv_(uv), received_(std::move(received)) {}
  ~LoopSignal() = default;
  static void on_signal(LoopHandle* handle);
  static void on_environment_exit(napi_async_cleanup_hook_handle hook, void* self);
  static void on_closed(LoopHandle* handle);

  const Napi::Env env_;
  const LoopFunctions& uv_;
  const std::function<void()> received_;
  LoopHandle* handle_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool closing_ = false;
};

}  // namespace sagedb
