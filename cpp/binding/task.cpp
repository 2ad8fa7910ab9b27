#include "binding/task.h"

#include "binding/js_errors.h"

namespace sagedb {
namespace {

// Tells our Externals from those of other addons before the pointer is believed.
constexpr napi_type_tag kTaskTag = {0x5a6edb7a5c0de001ULL, 0x9d1f2c44b7e83a60ULL};

Napi::Value create_task(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    auto holder = std::make_unique<TaskPtr>(std::make_shared<Task>());
    auto external = Napi::External<TaskPtr>::New(env, holder.get(), [](Napi::Env, TaskPtr* p) { delete p; });
    holder.release();
    external.TypeTag(&kTaskTag);
    return external;
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
  if (!value.IsExternal()) throw Error(ErrorCode::INVALID_ARGUMENT, "task: expected a value of createTask()");
  const auto external = value.As<Napi::External<TaskPtr>>();
  if (!external.CheckTypeTag(&kTaskTag))
    throw Error(ErrorCode::INVALID_ARGUMENT, "task: expected a value of createTask()");
  return *external.Data();
}

void export_task_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("createTask", Napi::Function::New(env, create_task, "createTask"));
  exports.Set("cancelTask", Napi::Function::New(env, cancel_task, "cancelTask"));
  exports.Set("taskProgress", Napi::Function::New(env, task_progress, "taskProgress"));
}

}  // namespace sagedb
