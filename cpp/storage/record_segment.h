// Records and their texts as two segments. docs/format.md gives the bytes.
#pragma once

#include <memory>

#include "storage/segment_reader.h"
#include "storage/segment_writer.h"
#include "store/record_store.h"

namespace sagedb {

// Records [0, count) as a snapshot of sequence `at` sees them. Texts of dead versions are left out.
void write_records(const RecordStore& from, RecordNo count, Sequence at, SegmentWriter& records, SegmentWriter& text);

// Fills `to`, which is empty; the texts stay in the mapped file. Verifies the checksums of both files and that every number is in range.
// Throws CORRUPTION, OUT_OF_MEMORY.
void read_records(const SegmentReader& records, std::shared_ptr<const SegmentReader> text, Row rows, RecordStore* to);

}  // namespace sagedb
