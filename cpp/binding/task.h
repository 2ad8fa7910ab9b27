// What JavaScript holds of work in flight: a way to cancel it and its progress.
// Thread safety: self-synchronised.
#pragma once

#include <napi.h>

#include <memory>

#include "base/cancel.h"

namespace sagedb {

struct Task {
  CancelToken cancel;
  Progress progress;
};

using TaskPtr = std::shared_ptr<Task>;

// createTask() -> External, cancelTask(external), taskProgress(external) -> [done, total].
void export_task_functions(Napi::Env env, Napi::Object exports);

// undefined -> null. Throws INVALID_ARGUMENT for anything that is no task.
TaskPtr read_task(const Napi::Value& value);

}  // namespace sagedb
