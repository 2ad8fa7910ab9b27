#include "binding/job.h"

#include "binding/js_errors.h"

namespace sagedb {

void complete_job(Napi::Env env, Job* job) {
  const Napi::HandleScope scope(env);
  try {
    job->complete(env);
  } catch (const Napi::Error& e) {
    e.ThrowAsJavaScriptException();
  } catch (...) {
    to_js_error(env, current_error()).ThrowAsJavaScriptException();
  }
}

}  // namespace sagedb
