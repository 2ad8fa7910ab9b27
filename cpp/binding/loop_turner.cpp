#include "binding/loop_turner.h"

#include <cstdlib>
#include <thread>

#include "binding/addon_data.h"
#include "binding/job_channel.h"

namespace sagedb {
namespace {

// How long other events may wait.
constexpr std::chrono::microseconds kTurn{10};

}  // namespace

LoopTurner* LoopTurner::make(Napi::Env env) {
  const LoopFunctions* const uv = LoopFunctions::of(env);
  uv_loop_s* loop = nullptr;
  if (uv == nullptr || napi_get_uv_event_loop(env, &loop) != napi_ok || loop == nullptr) return nullptr;
  auto* const turner = new LoopTurner(*uv);
  turner->handle_ = uv->allocate(LoopFunctions::kIdle);
  if (turner->handle_ == nullptr || uv->idle_init(loop, turner->handle_) != 0) {
    std::free(turner->handle_);
    delete turner;
    return nullptr;
  }
  turner->handle_->data = turner;
  uv->unref(turner->handle_);
  if (napi_add_async_cleanup_hook(env, on_environment_exit, turner, &turner->hook_) != napi_ok) {
    uv->close(turner->handle_, on_closed);
    return nullptr;
  }
  return turner;
}

void LoopTurner::start(std::chrono::microseconds longest) noexcept {
  if (closing_) return;
  ++holders_;
  end_ = std::chrono::steady_clock::now() + longest;
  if (!turning_) turning_ = uv_.idle_start(handle_, on_turn) == 0;
}

void LoopTurner::stop() noexcept {
  if (holders_ > 0 && --holders_ == 0) rest();
}

void LoopTurner::rest() noexcept {
  if (turning_) uv_.idle_stop(handle_);
  turning_ = false;
}

void LoopTurner::on_turn(LoopHandle* handle) {
  auto* const turner = static_cast<LoopTurner*>(handle->data);
  auto now = std::chrono::steady_clock::now();
  if (now >= turner->end_) return turner->rest();
  const auto end = now + kTurn;
  while (JobChannel::deliveries() == turner->deliveries_ && now < end) {
    std::this_thread::yield();
    now = std::chrono::steady_clock::now();
  }
  turner->deliveries_ = JobChannel::deliveries();
}

void LoopTurner::on_environment_exit(napi_async_cleanup_hook_handle, void* self) {
  auto* const turner = static_cast<LoopTurner*>(self);
  turner->rest();
  turner->closing_ = true;
  turner->uv_.close(turner->handle_, on_closed);
}

void LoopTurner::on_closed(LoopHandle* handle) {
  auto* const turner = static_cast<LoopTurner*>(handle->data);
  if (turner->hook_ != nullptr) napi_remove_async_cleanup_hook(turner->hook_);
  std::free(handle);
  delete turner;
}

namespace {

// Null where there is none.
LoopTurner* turner_of(Napi::Env env) {
  auto& turner = env.GetInstanceData<AddonData>()->loop_turner;
  if (!turner) turner = LoopTurner::make(env);
  return *turner;
}

Napi::Value can_turn(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), turner_of(info.Env()) != nullptr);
}

void keep_turning(const Napi::CallbackInfo& info) {
  const auto longest = std::chrono::duration<double, std::milli>(info[0].ToNumber().DoubleValue());
  if (LoopTurner* const turner = turner_of(info.Env()))
    turner->start(std::chrono::duration_cast<std::chrono::microseconds>(longest));
}

void stop_turning(const Napi::CallbackInfo& info) {
  if (LoopTurner* const turner = turner_of(info.Env())) turner->stop();
}

}  // namespace

void export_loop_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("canTurn", Napi::Function::New(env, can_turn, "canTurn"));
  exports.Set("keepTurning", Napi::Function::New(env, keep_turning, "keepTurning"));
  exports.Set("stopTurning", Napi::Function::New(env, stop_turning, "stopTurning"));
}

}  // namespace sagedb
