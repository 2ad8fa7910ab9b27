#include "binding/loop_turner.h"

#include <algorithm>
#include <thread>

#include "binding/addon_data.h"

namespace sagedb {
namespace {

// How long a turn waits for an answer.
constexpr std::chrono::microseconds kTurn{10};

}  // namespace

std::shared_ptr<LoopTurner> LoopTurner::of(Napi::Env env) {
  auto& turner = env.GetInstanceData<AddonData>()->loop_turner;
  if (!turner) turner = make(env);
  return *turner;
}

std::shared_ptr<LoopTurner> LoopTurner::make(Napi::Env env) {
  const auto init = [](const LoopFunctions& uv, uv_loop_s* loop, UvHandle* raw) { return uv.idle_init(loop, raw); };
  std::shared_ptr<LoopTurner> turner(new LoopTurner(env));
  turner->handle_ = LoopHandle::open(env, LoopFunctions::kIdle, init, [self = turner.get()] { self->turn(); });
  return turner->handle_ ? turner : nullptr;
}

void LoopTurner::start(std::chrono::microseconds longest) noexcept {
  if (handle_->closed()) return;
  ++holders_;
  end_ = std::chrono::steady_clock::now() + longest;
  if (!started_) started_ = handle_->uv().idle_start(handle_->raw(), LoopHandle::on_event) == 0;
}

void LoopTurner::stop() noexcept {
  if (holders_ > 0 && --holders_ == 0) rest();
}

bool LoopTurner::announce() noexcept {
  // Both in one order with those of rest(): either this sees that the loop does not turn, or rest() sees what was announced.
  announced_.fetch_add(1, std::memory_order_seq_cst);
  return turning_.load(std::memory_order_seq_cst);
}

void LoopTurner::rest() noexcept {
  if (!started_) return;
  started_ = false;
  turning_.store(false, std::memory_order_seq_cst);
  if (!handle_->closed()) handle_->uv().idle_stop(handle_->raw());
  if (announced_.load(std::memory_order_seq_cst) == seen_) return;
  for (LoopReceiver* const receiver : receivers_)
    if (receiver != nullptr) receiver->receive_later();
}

void LoopTurner::turn() {
  auto now = std::chrono::steady_clock::now();
  if (now >= end_) return rest();
  if (!turning_.load(std::memory_order_relaxed)) turning_.store(true, std::memory_order_seq_cst);
  const auto end = now + kTurn;
  while (announced_.load(std::memory_order_acquire) == seen_ && now < end) {
    std::this_thread::yield();
    now = std::chrono::steady_clock::now();
  }
  if (announced_.load(std::memory_order_acquire) != seen_) receive();
}

void LoopTurner::receive() {
  seen_ = announced_.load(std::memory_order_acquire);
  const Napi::HandleScope scope(env_);
  receiving_ = true;
  // What waits for an answer may add and remove some.
  for (std::size_t i = 0; i < receivers_.size(); ++i)
    if (receivers_[i] != nullptr) receivers_[i]->receive();
  receiving_ = false;
  remove(nullptr);
}

void LoopTurner::remove(LoopReceiver* receiver) noexcept {
  if (receiving_) {
    std::replace(receivers_.begin(), receivers_.end(), receiver, static_cast<LoopReceiver*>(nullptr));
  } else {
    receivers_.erase(std::remove(receivers_.begin(), receivers_.end(), receiver), receivers_.end());
  }
}

namespace {

Napi::Value can_turn(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), LoopTurner::of(info.Env()) != nullptr);
}

void keep_turning(const Napi::CallbackInfo& info) {
  const auto longest = std::chrono::duration<double, std::milli>(info[0].ToNumber().DoubleValue());
  if (const auto turner = LoopTurner::of(info.Env()))
    turner->start(std::chrono::duration_cast<std::chrono::microseconds>(longest));
}

void stop_turning(const Napi::CallbackInfo& info) {
  if (const auto turner = LoopTurner::of(info.Env())) turner->stop();
}

}  // namespace

void export_loop_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("canTurn", Napi::Function::New(env, can_turn, "canTurn"));
  exports.Set("keepTurning", Napi::Function::New(env, keep_turning, "keepTurning"));
  exports.Set("stopTurning", Napi::Function::New(env, stop_turning, "stopTurning"));
}

}  // namespace sagedb
