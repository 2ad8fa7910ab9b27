// A long job on the engine: index build, optimisation, flush, close.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "binding/job_thread.h"
#include "binding/memory_report.h"
#include "binding/task.h"

namespace sagedb {

class EngineJob : public Job {
 public:
  using Work = std::function<void(SageDB& engine, Task& task)>;
  EngineJob(const Napi::Function& callback, std::shared_ptr<SageDB> engine, std::shared_ptr<MemoryReport> memory,
            TaskPtr task, Work work);
  void execute() noexcept override;
  // callback(error | null, result)
  void complete(Napi::Env env) override;
  void cancel() noexcept override { task_->cancel.cancel(); }

 protected:
  virtual napi_value result(Napi::Env env) const { return env.Undefined(); }

 private:
  std::shared_ptr<SageDB> engine_;
  const std::shared_ptr<MemoryReport> memory_;
  const TaskPtr task_;
  const Work work_;
  std::optional<Error> error_;
};

// refresh(): callback(error | null, changed).
class RefreshJob final : public EngineJob {
 public:
  RefreshJob(const Napi::Function& callback, std::shared_ptr<SageDB> engine, std::shared_ptr<MemoryReport> memory)
      : EngineJob(callback, std::move(engine), std::move(memory), nullptr,
                  [this](SageDB& target, Task&) { changed_ = target.refresh(); }) {}

 protected:
  napi_value result(Napi::Env env) const override { return Napi::Boolean::New(env, changed_); }

 private:
  bool changed_ = false;
};

}  // namespace sagedb
