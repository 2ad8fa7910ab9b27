// Keeps the event loop of one environment awake for a bounded time: an idle handle of libuv makes every wait for events a mere look.
// setImmediate() does the same with an object, a call into JavaScript and its garbage per turn; a turn alone costs 100 bytes of it.
// So every turn takes a few microseconds, unless a job is delivered, and leaves the processor to a thread that wants it.
//
// Thread safety: JavaScript thread of the environment. Invariant: lives until the environment ends and its handle is closed.
#pragma once

#include <napi.h>

#include <chrono>
#include <cstdint>

#include "binding/loop_functions.h"

namespace sagedb {

class LoopTurner {
 public:
  // Null where the program has no such functions.
  static LoopTurner* make(Napi::Env env);
  LoopTurner(const LoopTurner&) = delete;
  LoopTurner& operator=(const LoopTurner&) = delete;

  // The loop turns until as many stop() as start() were called, and at most so long after the last start(). Does not keep the process alive.
  void start(std::chrono::microseconds longest) noexcept;
  void stop() noexcept;

 private:
  explicit LoopTurner(const LoopFunctions& uv) : uv_(uv) {}
  ~LoopTurner() = default;
  static void on_turn(LoopHandle* handle);
  static void on_environment_exit(napi_async_cleanup_hook_handle hook, void* self);
  static void on_closed(LoopHandle* handle);
  void rest() noexcept;

  const LoopFunctions& uv_;
  LoopHandle* handle_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  std::chrono::steady_clock::time_point end_;
  std::uint64_t deliveries_ = 0;  // up to the last turn
  unsigned holders_ = 0;
  bool turning_ = false;
  bool closing_ = false;
};

// canTurn() -> boolean, keepTurning(milliseconds), stopTurning().
void export_loop_functions(Napi::Env env, Napi::Object exports);

}  // namespace sagedb
