#include "binding/search_view.h"

#include <utility>

#include "binding/js_errors.h"

namespace sagedb {
namespace {

constexpr napi_type_tag kViewTag = {0x5a6edbb1e3c40007ULL, 0x41f6a8d2097be35cULL};

ViewPtr* held_by(const Napi::Value& value) {
  if (value.IsExternal()) {
    const auto external = value.As<Napi::External<ViewPtr>>();
    if (external.CheckTypeTag(&kViewTag)) return external.Data();
  }
  throw Error(ErrorCode::INVALID_ARGUMENT, "view: expected a value of view()");
}

Napi::Value release_view(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    held_by(info[0])->reset();
    return info.Env().Undefined();
  });
}

}  // namespace

Napi::Value make_view(Napi::Env env, ViewPtr view) {
  auto held = std::make_unique<ViewPtr>(std::move(view));
  auto external = Napi::External<ViewPtr>::New(env, held.get(), [](Napi::Env, ViewPtr* p) { delete p; });
  static_cast<void>(held.release());
  external.TypeTag(&kViewTag);
  return external;
}

ViewPtr read_view(const Napi::Value& value) { return value.IsUndefined() ? nullptr : *held_by(value); }

void export_view_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("releaseView", Napi::Function::New(env, release_view, "releaseView"));
}

}  // namespace sagedb
