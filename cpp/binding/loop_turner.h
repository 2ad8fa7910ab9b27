// Keeps the event loop of one environment awake for a bounded time: an idle handle of libuv makes every wait for events a mere look.
// setImmediate() does the same with an object, a call into JavaScript and its garbage per turn; a turn alone costs 100 bytes of it.
// So every turn takes a few microseconds, unless a job is delivered, and leaves the processor to a thread that wants it.
//
// Thread safety: JavaScript thread of the environment.
#pragma once

#include <napi.h>

#include <chrono>
#include <cstdint>
#include <memory>

#include "binding/loop_handle.h"

namespace sagedb {

class LoopTurner {
 public:
  // Null where the program has no such functions.
  static std::unique_ptr<LoopTurner> make(Napi::Env env);
  ~LoopTurner() {
    if (handle_) handle_->close();
  }
  LoopTurner(const LoopTurner&) = delete;
  LoopTurner& operator=(const LoopTurner&) = delete;

  // The loop turns until as many stop() as start() were called, and at most so long after the last start(). Does not keep the process alive.
  void start(std::chrono::microseconds longest) noexcept;
  void stop() noexcept;

 private:
  LoopTurner() = default;
  void turn() noexcept;
  void rest() noexcept;

  std::shared_ptr<LoopHandle> handle_;
  std::chrono::steady_clock::time_point end_;
  std::uint64_t deliveries_ = 0;  // up to the last turn
  unsigned holders_ = 0;
  bool turning_ = false;
};

// canTurn() -> boolean, keepTurning(milliseconds), stopTurning().
void export_loop_functions(Napi::Env env, Napi::Object exports);

}  // namespace sagedb
