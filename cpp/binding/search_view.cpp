#include "binding/search_view.h"

#include <utility>

#include "binding/js_errors.h"
#include "binding/tagged_external.h"

namespace sagedb {
namespace {

constexpr napi_type_tag kViewTag = {0x5a6edbb1e3c40007ULL, 0x41f6a8d2097be35cULL};

ViewPtr& held_by(const Napi::Value& value) {
  return read_external<ViewPtr>(value, kViewTag, "view: expected a value of view()");
}

Napi::Value release_view(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    held_by(info[0]).reset();
    return info.Env().Undefined();
  });
}

}  // namespace

Napi::Value make_view(Napi::Env env, ViewPtr view) {
  return make_external(env, kViewTag, std::make_unique<ViewPtr>(std::move(view)));
}

ViewPtr read_view(const Napi::Value& value) { return value.IsUndefined() ? nullptr : held_by(value); }

void export_view_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("releaseView", Napi::Function::New(env, release_view, "releaseView"));
}

}  // namespace sagedb
