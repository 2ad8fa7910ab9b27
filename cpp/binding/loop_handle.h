// A handle of libuv in the event loop of one environment: closed when its user goes or the environment ends, whichever is first.
//
// Thread safety: JavaScript thread of the environment; raw() of an open handle may be used elsewhere where libuv allows it.
// Invariants: no event after close(); libuv's part of it lives until libuv has closed it.
#pragma once

#include <napi.h>

#include <functional>
#include <memory>

#include "binding/loop_functions.h"

namespace sagedb {

class LoopHandle {
 public:
  // How libuv begins with a handle of one type; 0 when it has. Events are to call on_event().
  using Init = int (*)(const LoopFunctions& uv, uv_loop_s* loop, UvHandle* raw);

  // `event` runs on the event loop, for as long as the handle is open. Null where the program has no libuv, or it has no memory. The handle
  // does not keep the loop alive until it is told to.
  static std::shared_ptr<LoopHandle> open(Napi::Env env, int type, Init init, std::function<void()> event);
  LoopHandle(const LoopHandle&) = delete;
  LoopHandle& operator=(const LoopHandle&) = delete;

  const LoopFunctions& uv() const noexcept { return uv_; }
  UvHandle* raw() const noexcept { return raw_.get(); }
  bool closed() const noexcept { return closed_; }
  void keep_alive(bool alive) noexcept;
  // Idempotent.
  void close() noexcept;
  static void on_event(UvHandle* raw);

 private:
  LoopHandle(const LoopFunctions& uv, int type, std::function<void()> event)
      : uv_(uv), raw_(uv.allocate(type)), event_(std::move(event)) {}
  static void on_environment_exit(napi_async_cleanup_hook_handle hook, void* self);
  static void on_closed(UvHandle* raw);

  const LoopFunctions& uv_;
  const std::unique_ptr<UvHandle, void (*)(void*)> raw_;
  const std::function<void()> event_;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool closed_ = false;  // or closing
  std::shared_ptr<LoopHandle> until_closed_;  // itself, from init to on_closed()
};

}  // namespace sagedb
