// A long job on the engine: index build, optimisation, flush, close.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "binding/job_thread.h"
#include "binding/memory_report.h"
#include "binding/task.h"

namespace sagedb {

class EngineJob : public Job {
 public:
  using Work = std::function<void(SageDB& engine, Task& task)>;
  EngineJob(const Napi::Function& callback, std::shared_ptr<SageDB> engine, std::shared_ptr<MemoryReport> memory, TaskPtr task,
            Work work);
  void execute() noexcept override;
  // callback(error | null)
  void complete(Napi::Env env) override;
  void cancel() noexcept override { task_->cancel.cancel(); }

 private:
  std::shared_ptr<SageDB> engine_;
  const std::shared_ptr<MemoryReport> memory_;
  const TaskPtr task_;
  const Work work_;
  std::optional<Error> error_;
};

}  // namespace sagedb
