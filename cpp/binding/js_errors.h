// Engine errors as JavaScript errors: an Error whose `code` is the name of the engine's code. lib/errors.ts gives them their class.
#pragma once

#include <napi.h>

#include <utility>

#include "base/status.h"

namespace sagedb {

Napi::Error to_js_error(Napi::Env env, const Error& error);

// Runs the body of an entry point. Whatever it throws becomes a pending JavaScript exception; no C++ exception crosses the border.
template <typename F>
Napi::Value guarded(Napi::Env env, F&& body) {
  try {
    return std::forward<F>(body)();
  } catch (const Napi::Error&) {
    throw;  // node-addon-api turns its own type into a JavaScript exception at the border
  } catch (...) {
    throw to_js_error(env, current_error());
  }
}

}  // namespace sagedb
