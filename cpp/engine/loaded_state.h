// The state that a manifest describes, as it is after an open and before the log is replayed.
//
// Vectors, codes, records, texts, ids and links are read in place from mapped files: loading them costs the same for any size. Tombstones and the
// upper levels of the graph, a few bytes per row at most, are read and checked. The words of text fields are
// read later, see engine/text_loader.h.
// Thread safety: functions on values.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/checkpoint.h"
#include "engine/hot_pages.h"
#include "storage/segment_reader.h"

namespace sagedb {

struct LoadedState {
  std::shared_ptr<Snapshot> snapshot;
  IdMap ids;
  CheckpointMark mark;
  std::vector<HotRange> hot;  // what searches read in the mapped segments
  std::vector<std::weak_ptr<const SegmentReader>> files;  // all of them
  std::string warning;  // not empty: codes and graph are damaged and are made again; the snapshot has none
};
LoadedState load_state(Env& env, const std::string& dir, const Manifest& manifest, const Options& options);

// What was loaded becomes the state of an engine that nobody knows yet.
void install_state(EngineState& state, LoadedState& loaded);
// The whole content of `from` becomes visible in `to` as one. Throws CORRUPTION when it is older than `at_least`.
void adopt_state(EngineState& from, EngineState& to, const std::string& dir, Sequence at_least);

}  // namespace sagedb
