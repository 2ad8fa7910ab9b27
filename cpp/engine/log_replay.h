// What was stored is applied again.
#pragma once

#include <string>
#include <type_traits>

#include "base/status.h"
#include "engine/writer.h"
#include "storage/log_format.h"

namespace sagedb {

// What no caller may write was never written: where it is read back, it is damage.
template <typename Work>
std::invoke_result_t<Work> read_stored(const char* what, Work&& work) {
  try {
    return work();
  } catch (const Error& e) {
    if (is_bad_input(e.code())) throw Error(ErrorCode::CORRUPTION, std::string(what) + ": " + e.message());
    throw;
  }
}

// Commits the operations of a frame of the log, all or none. Throws CORRUPTION, OUT_OF_MEMORY.
void replay_frame(const Frame& frame, const std::string& payload, const Options& options, Writer& writer);

}  // namespace sagedb
