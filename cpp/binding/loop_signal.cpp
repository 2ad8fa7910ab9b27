#include "binding/loop_signal.h"

#include <cstdlib>
#include <utility>

namespace sagedb {

LoopSignal* LoopSignal::make(Napi::Env env, std::function<void()> received) {
  const LoopFunctions* const uv = LoopFunctions::of(env);
  uv_loop_s* loop = nullptr;
  if (uv == nullptr || napi_get_uv_event_loop(env, &loop) != napi_ok || loop == nullptr) return nullptr;
  auto* const signal = new LoopSignal(env, *uv, std::move(received));
  signal->handle_ = uv->allocate(LoopFunctions::kAsync);
  if (signal->handle_ == nullptr || uv->async_init(loop, signal->handle_, on_signal) != 0) {
    std::free(signal->handle_);
    delete signal;
    return nullptr;
  }
  signal->handle_->data = signal;
  uv->unref(signal->handle_);
  if (napi_add_async_cleanup_hook(env, on_environment_exit, signal, &signal->hook_) != napi_ok) {
    signal->close();
    return nullptr;
  }
  return signal;
}

void LoopSignal::close() noexcept {
  if (closing_) return;
  closing_ = true;
  uv_.close(handle_, on_closed);
}

void LoopSignal::on_signal(LoopHandle* handle) {
  const auto* const signal = static_cast<const LoopSignal*>(handle->data);
  if (signal->closing_) return;
  const Napi::HandleScope scope(signal->env_);
  signal->received_();
}

void LoopSignal::on_environment_exit(napi_async_cleanup_hook_handle, void* self) {
  static_cast<LoopSignal*>(self)->close();
}

void LoopSignal::on_closed(LoopHandle* handle) {
  auto* const signal = static_cast<LoopSignal*>(handle->data);
  if (signal->hook_ != nullptr) napi_remove_async_cleanup_hook(signal->hook_);
  std::free(handle);
  delete signal;
}

}  // namespace sagedb
