#include "engine/log_replay.h"

#include <vector>

#include "engine/op_record.h"

namespace sagedb {

void replay_frame(const Frame& frame, const std::string& payload, const Options& options, Writer& writer) {
  read_stored("a log record", [&] {
    std::vector<LoggedOp> ops = decode_ops(payload, options);
    for (const LoggedOp& op : ops)
      if (op.offset >= frame.operations) throw Error(ErrorCode::CORRUPTION, "a log record has too many operations");
    writer.replay(ops, frame.operations);
  });
}

}  // namespace sagedb
