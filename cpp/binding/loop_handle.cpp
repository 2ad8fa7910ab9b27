#include "binding/loop_handle.h"

#include <utility>

namespace sagedb {

std::shared_ptr<LoopHandle> LoopHandle::open(Napi::Env env, int type, Init init, std::function<void()> event) {
  const LoopFunctions* const uv = LoopFunctions::of(env);
  uv_loop_s* loop = nullptr;
  if (uv == nullptr || napi_get_uv_event_loop(env, &loop) != napi_ok || loop == nullptr) return nullptr;
  const std::shared_ptr<LoopHandle> handle(new LoopHandle(*uv, type, std::move(event)));
  if (handle->raw_ == nullptr || init(*uv, loop, handle->raw()) != 0) return nullptr;
  handle->raw_->data = handle.get();
  handle->until_closed_ = handle;
  handle->keep_alive(false);
  if (napi_add_async_cleanup_hook(env, on_environment_exit, handle.get(), &handle->hook_) == napi_ok) return handle;
  handle->close();
  return nullptr;
}

void LoopHandle::keep_alive(bool alive) noexcept {
  if (!closed_) (alive ? uv_.ref : uv_.unref)(raw());
}

void LoopHandle::close() noexcept {
  if (closed_) return;
  closed_ = true;
  uv_.close(raw(), on_closed);
}

void LoopHandle::on_event(UvHandle* raw) {
  const auto* const handle = static_cast<const LoopHandle*>(raw->data);
  if (!handle->closed_) handle->event_();
}

void LoopHandle::on_environment_exit(napi_async_cleanup_hook_handle, void* self) {
  static_cast<LoopHandle*>(self)->close();
}

void LoopHandle::on_closed(UvHandle* raw) {
  auto* const handle = static_cast<LoopHandle*>(raw->data);
  if (handle->hook_ != nullptr) napi_remove_async_cleanup_hook(handle->hook_);
  // Frees it, unless its user is still there.
  std::exchange(handle->until_closed_, nullptr).reset();
}

}  // namespace sagedb
