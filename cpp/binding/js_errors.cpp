#include "binding/js_errors.h"

namespace sagedb {

Napi::Error to_js_error(Napi::Env env, const Error& error) {
  Napi::Error js = Napi::Error::New(env, error.message());
  js.Value().Set("code", Napi::String::New(env, error_code_name(error.code())));
  return js;
}

}  // namespace sagedb
