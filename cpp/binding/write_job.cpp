#include "binding/write_job.h"

#include <utility>

#include "binding/js_errors.h"
#include "binding/js_results.h"

namespace sagedb {

WriteJob::WriteJob(const Napi::Function& callback, std::shared_ptr<SageDB> engine, std::shared_ptr<MemoryReport> memory,
                   std::shared_ptr<SpareBuffer> spare, std::vector<PendingOp> ops)
    : Job(callback),
      engine_(std::move(engine)),
      memory_(std::move(memory)),
      spare_(std::move(spare)),
      ops_(std::move(ops)) {
  for (PendingOp& pending : ops_) {
    if (pending.task) {
      tasks_.push_back(pending.task);
    } else {
      pending.op.cancel = exiting_;
    }
  }
}

void WriteJob::execute() noexcept {
  try {
    apply();
  } catch (...) {
    error_ = current_error();
  }
  ops_.clear();  // here and not on the JavaScript thread: a bulk load's buffers are large
  memory_->measure(*engine_);
}

void WriteJob::apply() {
  results_.resize(ops_.size());
  std::vector<WriteOp> ready;
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    try {
      const WriteOp::Kind kind = ops_[i].op.kind;
      if (kind == WriteOp::Kind::remove_where || kind == WriteOp::Kind::replace_where)
        ops_[i].op.where = Filter::parse(ops_[i].filter);
      positions.push_back(i);
      ready.push_back(std::move(ops_[i].op));
    } catch (...) {
      results_[i].error = current_error();
    }
  }
  std::vector<OpResult> applied = engine_->apply(ready);
  for (std::size_t i = 0; i < applied.size(); ++i) results_[positions[i]] = std::move(applied[i]);
  for (WriteOp& op : ready) spare_->give(std::move(op.vectors));
}

void WriteJob::complete(Napi::Env env) {
  memory_->report(env);
  if (error_) {
    callback_.Call({to_js_error(env, *error_).Value()});
    return;
  }
  std::vector<double> rows;
  std::vector<std::uint8_t> hits;
  std::vector<std::uint32_t> failed;
  rows.reserve(results_.size() * 3);
  for (std::uint32_t i = 0; i < results_.size(); ++i) {
    const OpResult& result = results_[i];
    rows.push_back(result.error ? 0 : 1);
    rows.push_back(static_cast<double>(result.first_assigned));
    rows.push_back(static_cast<double>(result.affected));
    if (result.error) {
      failed.push_back(i);
    } else {
      hits.insert(hits.end(), result.hit.begin(), result.hit.end());
    }
  }
  Napi::Value errors = env.Undefined();
  if (!failed.empty()) {
    Napi::Array list = Napi::Array::New(env, failed.size() * 2);
    for (std::uint32_t i = 0; i < failed.size(); ++i) {
      list.Set(2 * i, static_cast<double>(failed[i]));
      list.Set(2 * i + 1, to_js_error(env, *results_[failed[i]].error).Value());
    }
    errors = list;
  }
  callback_.Call({env.Null(), doubles_to_js(env, rows), bytes_to_js(env, hits), errors});
}

void WriteJob::cancel() noexcept {
  exiting_->cancel();
  for (const TaskPtr& task : tasks_) task->cancel.cancel();
}

}  // namespace sagedb
