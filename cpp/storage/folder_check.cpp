#include "storage/folder_check.h"

#include "storage/log_recovery.h"
#include "storage/segment_reader.h"

namespace sagedb {

void verify_folder(Env& env, const std::string& dir, const Manifest& manifest, Progress* progress,
                   const CancelToken* cancel) {
  std::vector<std::shared_ptr<const SegmentReader>> files;
  std::uint64_t blocks = 0;
  for (const SegmentRef& ref : manifest.segments) {
    const std::string path = join_path(dir, segment_name(ref.kind, ref.number));
    files.push_back(SegmentReader::open(env, path, ref.kind, manifest.database, false));
    blocks += files.back()->blocks();
  }
  if (progress != nullptr) progress->total = blocks;
  for (const auto& file : files) {
    file->verify_table();
    for (std::uint64_t b = 0; b < file->blocks(); ++b) {
      if (cancel != nullptr) cancel->check();
      file->verify_block(b);
      if (progress != nullptr) ++progress->done;
    }
  }
  read_manifest(env, dir, manifest.generation, false);
  const auto read = [&](const Frame&, const std::string&) {
    if (cancel != nullptr) cancel->check();
  };
  replay_logs(env, dir, manifest.database, manifest.log_number, manifest.sequence, read, false);
}

}  // namespace sagedb
