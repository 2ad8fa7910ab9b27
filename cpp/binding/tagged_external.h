// C++ objects as opaque JavaScript values. A tag tells them from the Externals of other addons before a pointer is believed.
// Thread safety: JavaScript thread.
#pragma once

#include <napi.h>

#include <memory>

#include "base/status.h"

namespace sagedb {

// Owns the object until it is collected.
template <typename T>
Napi::External<T> make_external(Napi::Env env, const napi_type_tag& tag, std::unique_ptr<T> object) {
  auto external = Napi::External<T>::New(env, object.get(), [](Napi::Env, T* p) { delete p; });
  static_cast<void>(object.release());
  external.TypeTag(&tag);
  return external;
}

// Throws INVALID_ARGUMENT with `problem` for anything else than a value of make_external() with this tag.
template <typename T>
T& read_external(const Napi::Value& value, const napi_type_tag& tag, const char* problem) {
  if (value.IsExternal()) {
    const auto external = value.As<Napi::External<T>>();
    if (external.CheckTypeTag(&tag)) return *external.Data();
  }
  throw Error(ErrorCode::INVALID_ARGUMENT, problem);
}

}  // namespace sagedb
