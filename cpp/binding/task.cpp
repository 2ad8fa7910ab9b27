#include "binding/task.h"

#include "binding/js_errors.h"
#include "binding/tagged_external.h"

namespace sagedb {
namespace {

constexpr napi_type_tag kTaskTag = {0x5a6edb7a5c0de001ULL, 0x9d1f2c44b7e83a60ULL};

Napi::Value create_task(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    return make_external(env, kTaskTag, std::make_unique<TaskPtr>(std::make_shared<Task>()));
  });
}

Napi::Value cancel_task(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (const TaskPtr task = read_task(info[0])) task->cancel.cancel();
    return info.Env().Undefined();
  });
}

Napi::Value task_progress(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const TaskPtr task = read_task(info[0]);
    Napi::Array pair = Napi::Array::New(env, 2);
    pair.Set(0u, static_cast<double>(task ? task->progress.done.load() : 0));
    pair.Set(1u, static_cast<double>(task ? task->progress.total.load() : 0));
    return pair;
  });
}

}  // namespace

TaskPtr read_task(const Napi::Value& value) {
  if (value.IsUndefined()) return nullptr;
  return read_external<TaskPtr>(value, kTaskTag, "task: expected a value of createTask()");
}

void export_task_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("createTask", Napi::Function::New(env, create_task, "createTask"));
  exports.Set("cancelTask", Napi::Function::New(env, cancel_task, "cancelTask"));
  exports.Set("taskProgress", Napi::Function::New(env, task_progress, "taskProgress"));
}

}  // namespace sagedb
