// What the log keeps of a group of operations: the resolved changes, by id, in the order of their sequences. docs/format.md gives the bytes.
//
// Record and row numbers are not stored: a compaction may have renumbered them between the checkpoint and the operation.
// Thread safety: values.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "base/env.h"
#include "engine/write_plan.h"

namespace sagedb {

// The payload of one log frame. Vectors are not copied: the plan's operations must outlive it.
class OpRecord {
 public:
  OpRecord(const WritePlan& plan, const Options& options);
  const std::vector<Bytes>& pieces() const noexcept { return pieces_; }
  std::uint32_t operations() const noexcept { return operations_; }  // sequences used

 private:
  void encode(const PlannedChange* first, const PlannedChange* last, Sequence base, const Options& options);
  void add_vectors(const PlannedChange* first, const PlannedChange* last, const Options& options);

  std::deque<std::string> owned_;
  std::vector<Bytes> pieces_;
  std::uint32_t operations_;
};

// One operation read back: an upsert, update or remove with explicit ids; vectors are as stored (unit length under cosine).
struct LoggedOp {
  std::uint32_t offset = 0;  // its sequence is the frame's first sequence + offset
  WriteOp op;
  std::vector<float> norms;  // as PreparedOp::norms
};

// Throws CORRUPTION when the payload does not hold what a writer of this configuration writes.
std::vector<LoggedOp> decode_ops(const std::string& payload, const Options& options);

}  // namespace sagedb
