#include "binding/loop_turner.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

#include "binding/addon_data.h"
#include "binding/job_channel.h"
#include "binding/program_symbol.h"

namespace sagedb {

// Starts with the field that libuv leaves to its users.
struct LoopHandle {
  void* data;
};

namespace {

// uv_handle_type UV_IDLE; its name is checked, too.
constexpr int kIdleType = 6;
// How long other events may wait.
constexpr std::chrono::microseconds kTurn{10};

// As libuv 1.19 and later declare them (its ABI has not changed within version 1).
struct LoopFunctions {
  std::size_t (*handle_size)(int) = nullptr;
  const char* (*handle_type_name)(int) = nullptr;
  int (*idle_init)(uv_loop_s*, LoopHandle*) = nullptr;
  int (*idle_start)(LoopHandle*, void (*)(LoopHandle*)) = nullptr;
  int (*idle_stop)(LoopHandle*) = nullptr;
  void (*unref)(LoopHandle*) = nullptr;
  void (*close)(LoopHandle*, void (*)(LoopHandle*)) = nullptr;
  bool complete = false;

  static const LoopFunctions& get() {
    static const LoopFunctions functions;
    return functions;
  }

 private:
  LoopFunctions() {
    complete = find("uv_handle_size", &handle_size) && find("uv_handle_type_name", &handle_type_name) &&
               find("uv_idle_init", &idle_init) && find("uv_idle_start", &idle_start) &&
               find("uv_idle_stop", &idle_stop) && find("uv_unref", &unref) && find("uv_close", &close) &&
               handle_type_name(kIdleType) != nullptr && std::strcmp(handle_type_name(kIdleType), "idle") == 0;
  }
  template <typename Function>
  static bool find(const char* name, Function* out) {
    void* const symbol = program_symbol(name);
    std::memcpy(out, &symbol, sizeof symbol);
    return symbol != nullptr;
  }
};

}  // namespace

LoopTurner* LoopTurner::make(Napi::Env env) noexcept {
  const LoopFunctions& uv = LoopFunctions::get();
  uv_loop_s* loop = nullptr;
  if (!uv.complete || napi_get_uv_event_loop(env, &loop) != napi_ok || loop == nullptr) return nullptr;
  auto* const turner = new (std::nothrow) LoopTurner();
  if (turner == nullptr) return nullptr;
  turner->handle_ = static_cast<LoopHandle*>(std::calloc(1, uv.handle_size(kIdleType)));
  if (turner->handle_ == nullptr || uv.idle_init(loop, turner->handle_) != 0) {
    std::free(turner->handle_);
    delete turner;
    return nullptr;
  }
  turner->handle_->data = turner;
  uv.unref(turner->handle_);
  if (napi_add_async_cleanup_hook(env, on_environment_exit, turner, &turner->hook_) != napi_ok) {
    uv.close(turner->handle_, on_closed);
    return nullptr;
  }
  return turner;
}

void LoopTurner::start(std::chrono::microseconds longest) noexcept {
  if (closing_) return;
  ++holders_;
  end_ = std::chrono::steady_clock::now() + longest;
  if (!turning_) turning_ = LoopFunctions::get().idle_start(handle_, on_turn) == 0;
}

void LoopTurner::stop() noexcept {
  if (holders_ > 0 && --holders_ == 0) rest();
}

void LoopTurner::rest() noexcept {
  if (turning_) LoopFunctions::get().idle_stop(handle_);
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
  LoopFunctions::get().close(turner->handle_, on_closed);
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
