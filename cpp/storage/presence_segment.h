// Which rows have a vector in a space, as a segment: there is one when some row has none. docs/format.md gives the bytes.
#pragma once

#include <memory>

#include "storage/segment_reader.h"
#include "storage/segment_writer.h"
#include "store/presence.h"

namespace sagedb {

// The bits of rows [0, rows).
void write_present(const Presence& from, Row rows, SegmentWriter& out);
// Verifies the checksums: a place without a vector must not become one by damage. Throws CORRUPTION.
std::shared_ptr<Presence> read_present(const SegmentReader& file, Row rows);

}  // namespace sagedb
