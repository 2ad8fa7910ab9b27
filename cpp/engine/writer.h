// Applies write operations: prepare without locks, plan and reserve under the writer mutex, commit without a way to fail.
//
// Thread safety: apply() from any thread; operations take effect in the order in which apply() is entered.
// Invariants: an operation is applied whole or not at all; when apply() returns, every later search sees the effect.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/engine_state.h"
#include "engine/op_record.h"
#include "engine/write_queue.h"

namespace sagedb {

class Writer {
 public:
  explicit Writer(std::shared_ptr<EngineState> state) : state_(std::move(state)) {}

  std::vector<OpResult> apply(std::vector<WriteOp>& ops);
  // Recovery: applies what the log holds as one commit of `operations` sequences, without logging it again. Throws CORRUPTION when the
  // operations do not fit the state.
  void replay(std::vector<LoggedOp>& ops, std::uint32_t operations);

 private:
  using Items = std::vector<WriteItem*>;

  void apply_requests(const std::vector<WriteQueue::Request*>& requests) noexcept;
  void apply_group(const Items& items, std::size_t begin, std::size_t end) REQUIRES(state_->writer_mutex);
  // Removal of what a filter matches, with or without rows in its place: a plan of its own.
  void apply_where(WriteItem& item) REQUIRES(state_->writer_mutex);
  void commit(WritePlan& plan, bool replaying) REQUIRES(state_->writer_mutex);
  void reserve(WritePlan& plan) REQUIRES(state_->writer_mutex);
  void write_rows(const WritePlan& plan, std::size_t begin, std::size_t end) noexcept REQUIRES(state_->writer_mutex);
  void write_vectors(const WritePlan& plan, int threads) REQUIRES(state_->writer_mutex);
  void copy_kept_vectors(const WritePlan& plan) noexcept REQUIRES(state_->writer_mutex);
  // The log record; the vectors of a small plan are copied while the disk is at work on it.
  void log_and_copy(const WritePlan& plan) REQUIRES(state_->writer_mutex);
  void note_presence(const WritePlan& plan, Snapshot* next) REQUIRES(state_->writer_mutex);
  // The log record, while another thread copies the vectors of a large plan. True when it did.
  bool log_beside_copy(const WritePlan& plan) REQUIRES(state_->writer_mutex);
  void describe(const WritePlan& plan, Snapshot* next) REQUIRES(state_->writer_mutex);
  void install(const WritePlan& plan, Publisher::Prepared publication, bool replaying) REQUIRES(state_->writer_mutex);

  WriteQueue queue_;
  const std::shared_ptr<EngineState> state_;
};

}  // namespace sagedb
