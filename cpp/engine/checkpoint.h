// A snapshot as segment files, and back.
//
// Thread safety: functions on values; the caller holds the folder's lock.
#pragma once

#include <memory>
#include <string>

#include "engine/engine_state.h"
#include "storage/manifest.h"

namespace sagedb {

// What a snapshot does not hold of the state at its sequence.
struct IdCounters {
  std::int64_t next_id = 1;
  bool far_ids = false;
};

// Configuration that is stored with the data.
void store_config(const Options& options, Manifest* manifest);
// Replaces what `options` leaves open by what is stored. Throws CONFIG_MISMATCH naming both values.
void resolve_config(const Manifest& manifest, const std::string& path, Options* options);

// Writes the segments of `snapshot` under new numbers and describes them in `next` (numbers, segments, sequence, fields). Each file is synced
// when it returns; the folder is not.
void write_segments(Env& env, const std::string& dir, const Snapshot& snapshot, const IdCounters& counters,
                    Metric metric, Manifest* next);

struct LoadedState {
  std::shared_ptr<Snapshot> snapshot;
  IdMap ids;
  IdCounters counters;
  std::string warning;  // a damaged graph that is rebuilt
};
// Vectors and codes are read in place from mapped files; records, ids, columns and the graph are read and checked.
LoadedState load_segments(Env& env, const std::string& dir, const Manifest& manifest, const Options& options,
                          int threads);

}  // namespace sagedb
