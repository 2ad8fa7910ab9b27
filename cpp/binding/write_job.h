// One group commit: the operations of one or more groups, in order.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "binding/job_thread.h"
#include "binding/memory_report.h"
#include "binding/spare_buffer.h"
#include "binding/write_group.h"

namespace sagedb {

class WriteJob : public Job {
 public:
  WriteJob(const Napi::Function& callback, std::shared_ptr<SageDB> engine, std::shared_ptr<MemoryReport> memory,
           std::shared_ptr<SpareBuffer> spare, std::vector<PendingOp> ops);
  void execute() noexcept override;
  // callback(error, [ok, firstAssigned, affected per operation], hits, [operation, error, ...] | undefined)
  void complete(Napi::Env env) override;
  void cancel() noexcept override;

 private:
  void apply();

  const std::shared_ptr<SageDB> engine_;
  const std::shared_ptr<MemoryReport> memory_;
  const std::shared_ptr<SpareBuffer> spare_;
  std::vector<PendingOp> ops_;
  // Of the operations without a task of their own: an environment that ends must not wait for back-pressure to ease.
  const std::shared_ptr<CancelToken> exiting_ = std::make_shared<CancelToken>();
  std::vector<TaskPtr> tasks_;
  std::vector<OpResult> results_;
  std::optional<Error> error_;
};

}  // namespace sagedb
