// Keeps the event loop of one environment awake for a bounded time: an idle handle of libuv makes every wait for events a mere look.
// setImmediate() does the same with an object, a call into JavaScript and its garbage per turn; a turn alone costs 100 bytes of it.
// So every turn takes a few microseconds, unless something is announced, and leaves the processor to a thread that wants it. What is announced
// meanwhile is received in the turn that sees it: nobody has to wake the loop, and the loop has no event to fetch.
//
// Thread safety: JavaScript thread of the environment, but for announce(). Invariant: what was announced is received, or its receiver woken.
#pragma once

#include <napi.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "binding/loop_handle.h"

namespace sagedb {

// Gets from other threads what it hands to JavaScript.
class LoopReceiver {
 public:
  // On the event loop, in a handle scope. There may be nothing.
  virtual void receive() = 0;
  // On the JavaScript thread, amid JavaScript: receives soon what it has.
  virtual void receive_later() noexcept = 0;

 protected:
  ~LoopReceiver() = default;
};

class LoopTurner {
 public:
  // The one of this environment. Null where the program has no such functions.
  static std::shared_ptr<LoopTurner> of(Napi::Env env);
  ~LoopTurner() {
    if (handle_) handle_->close();
  }
  LoopTurner(const LoopTurner&) = delete;
  LoopTurner& operator=(const LoopTurner&) = delete;

  // The loop turns until as many stop() as start() were called, and at most so long after the last start(). Does not keep the process alive.
  void start(std::chrono::microseconds longest) noexcept;
  void stop() noexcept;

  void add(LoopReceiver* receiver) { receivers_.push_back(receiver); }
  void remove(LoopReceiver* receiver) noexcept;
  // Any thread: a receiver has got something. True: the loop will see it by itself. False: it must be woken.
  bool announce() noexcept;

 private:
  explicit LoopTurner(Napi::Env env) : env_(env) {}
  static std::shared_ptr<LoopTurner> make(Napi::Env env);
  void turn();
  void rest() noexcept;
  void receive();

  const Napi::Env env_;
  std::shared_ptr<LoopHandle> handle_;
  std::vector<LoopReceiver*> receivers_;  // null: removed while they receive
  bool receiving_ = false;
  std::atomic<std::uint64_t> announced_{0};
  std::uint64_t seen_ = 0;  // of them
  std::chrono::steady_clock::time_point end_;
  unsigned holders_ = 0;
  bool started_ = false;
  // A turn has begun since start(), so that others follow. Electron starts the handle while its loop sleeps.
  std::atomic<bool> turning_{false};
};

// canTurn() -> boolean, keepTurning(milliseconds), stopTurning().
void export_loop_functions(Napi::Env env, Napi::Object exports);

}  // namespace sagedb
