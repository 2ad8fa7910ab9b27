#include "binding/loop_turner.h"

#include <thread>

#include "binding/addon_data.h"
#include "binding/job_channel.h"

namespace sagedb {
namespace {

// How long other events may wait.
constexpr std::chrono::microseconds kTurn{10};

}  // namespace

std::unique_ptr<LoopTurner> LoopTurner::make(Napi::Env env) {
  const auto init = [](const LoopFunctions& uv, uv_loop_s* loop, UvHandle* raw) { return uv.idle_init(loop, raw); };
  std::unique_ptr<LoopTurner> turner(new LoopTurner);
  turner->handle_ = LoopHandle::open(env, LoopFunctions::kIdle, init, [self = turner.get()] { self->turn(); });
  return turner->handle_ ? std::move(turner) : nullptr;
}

void LoopTurner::start(std::chrono::microseconds longest) noexcept {
  if (handle_->closed()) return;
  ++holders_;
  end_ = std::chrono::steady_clock::now() + longest;
  if (!turning_) turning_ = handle_->uv().idle_start(handle_->raw(), LoopHandle::on_event) == 0;
}

void LoopTurner::stop() noexcept {
  if (holders_ > 0 && --holders_ == 0) rest();
}

void LoopTurner::rest() noexcept {
  if (turning_ && !handle_->closed()) handle_->uv().idle_stop(handle_->raw());
  turning_ = false;
}

void LoopTurner::turn() noexcept {
  auto now = std::chrono::steady_clock::now();
  if (now >= end_) return rest();
  const auto end = now + kTurn;
  while (JobChannel::deliveries() == deliveries_ && now < end) {
    std::this_thread::yield();
    now = std::chrono::steady_clock::now();
  }
  deliveries_ = JobChannel::deliveries();
}

namespace {

// Null where there is none.
LoopTurner* turner_of(Napi::Env env) {
  auto& turner = env.GetInstanceData<AddonData>()->loop_turner;
  if (!turner) turner = LoopTurner::make(env);
  return turner->get();
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
