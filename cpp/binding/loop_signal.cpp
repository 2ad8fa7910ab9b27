#include "binding/loop_signal.h"

#include <utility>

namespace sagedb {
namespace {

int init(const LoopFunctions& uv, uv_loop_s* loop, UvHandle* raw) {
  return uv.async_init(loop, raw, LoopHandle::on_event);
}

}  // namespace

std::unique_ptr<LoopSignal> LoopSignal::make(Napi::Env env, std::function<void()> received) {
  auto event = [env, received = std::move(received)] {
    const Napi::HandleScope scope(env);
    received();
  };
  std::shared_ptr<LoopHandle> handle = LoopHandle::open(env, LoopFunctions::kAsync, init, std::move(event));
  return handle ? std::unique_ptr<LoopSignal>(new LoopSignal(std::move(handle))) : nullptr;
}

}  // namespace sagedb
