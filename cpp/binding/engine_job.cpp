#include "binding/engine_job.h"

#include <utility>

#include "binding/js_errors.h"

namespace sagedb {

EngineJob::EngineJob(const Napi::Function& callback, std::shared_ptr<SageDB> engine,
                     std::shared_ptr<MemoryReport> memory, TaskPtr task, Work work)
    : Job(callback),
      engine_(std::move(engine)),
      memory_(std::move(memory)),
      task_(task ? std::move(task) : std::make_shared<Task>()),
      work_(std::move(work)) {}

void EngineJob::execute() noexcept {
  try {
    work_(*engine_, *task_);
  } catch (...) {
    error_ = current_error();
  }
  memory_->measure(*engine_);
  engine_.reset();  // after close() this may be the last reference, and this is the thread that may wait
}

void EngineJob::complete(Napi::Env env) {
  memory_->report(env);
  callback_.Call({error_ ? to_js_error(env, *error_).Value() : env.Null(), result(env)});
}

}  // namespace sagedb
