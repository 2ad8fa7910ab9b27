#include "storage/folder_check.h"

#include "storage/log_recovery.h"
#include "storage/segment_check.h"

namespace sagedb {

void verify_folder(Env& env, const std::string& dir, const Manifest& manifest, Progress* progress,
                   const CancelToken* cancel) {
  if (progress != nullptr) {
    std::uint64_t blocks = 0;
    for (const SegmentRef& ref : manifest.segments) blocks += block_count_of(ref);
    progress->total = blocks;
  }
  const auto checked = [&](std::uint64_t blocks) {
    if (cancel != nullptr) cancel->check();
    if (progress != nullptr) progress->done += blocks;
  };
  for (const SegmentRef& ref : manifest.segments) {
    try {
      check_segment(env, dir, manifest.database, ref, checked);
    } catch (const Error& e) {
      // Only files that a manifest names are looked at: one that is not there was lost.
      if (e.code() != ErrorCode::NOT_FOUND) throw;
      throw Error(ErrorCode::CORRUPTION, join_path(dir, segment_name(ref.kind, ref.number)) + " is missing");
    }
  }
  read_manifest(env, dir, manifest.generation, false);
  const auto read = [&](const Frame&, const std::string&) {
    if (cancel != nullptr) cancel->check();
  };
  replay_logs(env, dir, manifest.database, manifest.log_number, manifest.sequence, read, false);
}

}  // namespace sagedb
