// Entry point of the addon.
#include <napi.h>

#include "base/executor.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("hardwareThreads",
              Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                return Napi::Number::New(info.Env(), sagedb::hardware_threads());
              }));
  return exports;
}

}  // namespace

NODE_API_MODULE(sagedb, init)
