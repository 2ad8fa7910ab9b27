#include "binding/search_worker.h"

#include <utility>

#include "binding/js_errors.h"

namespace sagedb {

SearchWorker::SearchWorker(const Napi::Function& callback, std::shared_ptr<const SageDB> engine, SearchBatch batch)
    : Napi::AsyncWorker(callback, "SageDB.search"), engine_(std::move(engine)), batch_(std::move(batch)) {}

void SearchWorker::Execute() {
  try {
    packed_.emplace(batch_.run(*engine_));
  } catch (...) {
    error_ = current_error();
  }
}

void SearchWorker::OnOK() {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);
  if (!error_) {
    try {
      std::vector<napi_value> arguments = packed_->to_js(env);
      arguments.insert(arguments.begin(), env.Null());
      Callback().Call(arguments);
      return;
    } catch (const Napi::Error&) {
      throw;
    } catch (...) {
      error_ = current_error();
    }
  }
  Callback().Call({to_js_error(env, *error_).Value()});
}

}  // namespace sagedb
