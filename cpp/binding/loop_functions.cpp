#include "binding/loop_functions.h"

#include <cstdlib>
#include <cstring>

#include "binding/program_symbol.h"

namespace sagedb {
namespace {

template <typename Function>
bool find(const char* name, Function* out) noexcept {
  void* const symbol = program_symbol(name);
  std::memcpy(out, &symbol, sizeof symbol);
  return symbol != nullptr;
}

bool named(const char* found, const char* expected) noexcept {
  return found != nullptr && std::strcmp(found, expected) == 0;
}

// Bun and Deno export functions of these names.
bool runs_on_libuv(Napi::Env env) {
  const Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return false;
  const Napi::Value versions = process.As<Napi::Object>().Get("versions");
  if (!versions.IsObject()) return false;
  const auto names = versions.As<Napi::Object>();
  return !names.Has("bun") && !names.Has("deno");
}

}  // namespace

LoopFunctions::LoopFunctions() noexcept {
  complete_ = find("uv_handle_size", &handle_size) && find("uv_handle_type_name", &handle_type_name) &&
              find("uv_async_init", &async_init) && find("uv_async_send", &async_send) &&
              find("uv_idle_init", &idle_init) && find("uv_idle_start", &idle_start) &&
              find("uv_idle_stop", &idle_stop) && find("uv_ref", &ref) && find("uv_unref", &unref) &&
              find("uv_close", &close) && named(handle_type_name(kAsync), "async") &&
              named(handle_type_name(kIdle), "idle");
}

const LoopFunctions* LoopFunctions::of(Napi::Env env) {
  if (!runs_on_libuv(env)) return nullptr;
  static const LoopFunctions functions;
  return functions.complete_ ? &functions : nullptr;
}

std::unique_ptr<UvHandle, void (*)(void*)> LoopFunctions::allocate(int type) const noexcept {
  return {static_cast<UvHandle*>(std::calloc(1, handle_size(type))), std::free};
}

}  // namespace sagedb
