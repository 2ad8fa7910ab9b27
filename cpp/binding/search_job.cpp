#include "binding/search_job.h"

#include <utility>

#include "binding/js_errors.h"

namespace sagedb {

SearchJob::SearchJob(const Napi::Function& callback, std::shared_ptr<const SageDB> engine)
    : Job(callback), engine_(std::move(engine)) {}

void SearchJob::execute() noexcept {
  try {
    packed_.emplace(run(*engine_, share_));
  } catch (...) {
    error_ = current_error();
  }
}

void SearchJob::more(Napi::Env, std::vector<napi_value>*) const {}

void SearchJob::complete(Napi::Env env) {
  if (!error_) {
    try {
      std::vector<napi_value> arguments = packed_->to_js(env);
      arguments.insert(arguments.begin(), env.Null());
      more(env, &arguments);
      callback_.Call(arguments);
      return;
    } catch (const Napi::Error&) {
      throw;
    } catch (...) {
      error_ = current_error();
    }
  }
  callback_.Call({to_js_error(env, *error_).Value()});
}

}  // namespace sagedb
