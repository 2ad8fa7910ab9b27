// Tombstones as a segment: records, their texts and the heads of rows are chains of plain elements; what was deleted changes all the time and
// is a bitmap of its own, so that the others stay as they are. docs/format.md gives the bytes.
#pragma once

#include <cstdint>

#include "storage/segment_reader.h"
#include "storage/segment_writer.h"
#include "store/record_store.h"

namespace sagedb {

struct DeadCounts {
  std::uint64_t records = 0;
  Row rows = 0;
  Row rows_below = 0;  // of those below the given row
};

// The tombstones of rows [0, rows) and records [0, records) that a snapshot of sequence `at` sees.
void write_dead(const RecordStore& from, Row rows, RecordNo records, Sequence at, SegmentWriter& out);
// Sets them in `to`, as of sequence `at`. Verifies the checksums: what was deleted must not come back by damage. Throws CORRUPTION.
DeadCounts read_dead(const SegmentReader& file, Row rows, RecordNo records, Sequence at, Row below, RecordStore* to);

}  // namespace sagedb
