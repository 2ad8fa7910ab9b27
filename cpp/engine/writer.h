// Applies write operations: prepare without locks, plan and reserve under the writer mutex, commit without a way to fail.
//
// Thread safety: apply() from any thread; operations take effect in the order in which apply() is entered.
// Invariants: an operation is applied whole or not at all; when apply() returns, every later search sees the effect.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/engine_state.h"
#include "engine/write_plan.h"

namespace sagedb {

class Writer {
 public:
  explicit Writer(std::shared_ptr<EngineState> state) : state_(std::move(state)) {}

  std::vector<OpResult> apply(std::vector<WriteOp>& ops);

 private:
  struct Group {
    std::vector<PreparedOp>& prepared;
    std::vector<OpResult>& results;
    std::size_t begin;
    std::size_t end;
  };
  void apply_group(const Group& group) REQUIRES(state_->writer_mutex);
  void apply_remove_where(const WriteOp& op, OpResult& result) REQUIRES(state_->writer_mutex);
  void commit(WritePlan& plan) REQUIRES(state_->writer_mutex);
  void reserve(WritePlan& plan) REQUIRES(state_->writer_mutex);
  void write_vectors(const WritePlan& plan) REQUIRES(state_->writer_mutex);
  void install(const WritePlan& plan, std::shared_ptr<Snapshot> next) REQUIRES(state_->writer_mutex);

  const std::shared_ptr<EngineState> state_;
};

}  // namespace sagedb
