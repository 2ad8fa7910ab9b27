// Writes a snapshot as segment files, as few new bytes as the last checkpoint allows.
//
// Thread safety: functions on values; the caller holds the folder's lock.
#pragma once

#include <string>

#include "engine/engine_state.h"
#include "storage/manifest.h"

namespace sagedb {

// What a snapshot does not hold of the state at its sequence; taken together with it under the writer's lock.
struct CheckpointMark {
  std::int64_t next_id = 1;
  bool far_ids = false;
  std::uint64_t text_size = 0;
};

// What the segments of the manifest before still describe.
struct Reuse {
  bool rows = false;  // rows and records have the same numbers
  Row moved_head = kNoRow;  // first row whose newest record changed
  SpaceSet codes = 0;  // of these spaces
  bool graph = false;  // those of all spaces
  bool everything = false;
};

// Whether a graph of `rows` rows is written although one of `stored` is there: below that an open inserts the rest again in the background, which costs
// less than to write all links after every few rows.
inline bool graph_outgrown(Row stored, Row rows) noexcept { return rows - stored > stored / 64; }

// The manifest's field with the codec of a space.
std::string codec_field(SpaceNo space);

// Writes what `previous` lacks under new numbers and describes all of it in `next` (numbers, segments, sequence, fields), a copy of `previous` at first.
// Each file is synced when it returns; the folder is not.
void write_checkpoint(Env& env, const std::string& dir, const Snapshot& snapshot, const CheckpointMark& mark,
                      const Reuse& reuse, const Manifest& previous, Manifest* next);

}  // namespace sagedb
