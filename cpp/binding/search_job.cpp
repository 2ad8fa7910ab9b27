#include "binding/search_job.h"

#include <utility>

#include "binding/addon_data.h"
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

std::vector<napi_value> BatchSearchJob::answer(Napi::Env env, const PackedSearch& packed) const {
  return at_once_ ? packed.to_js(env, env.GetInstanceData<AddonData>()->answers) : packed.to_js(env);
}

void SearchJob::complete(Napi::Env env) {
  if (!error_) {
    try {
      std::vector<napi_value> arguments = answer(env, *packed_);
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
