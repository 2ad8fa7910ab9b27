// The HNSW graph as a segment: 64 bytes of counts, level-0 links, parents, upper levels, fragile rows. docs/format.md gives the bytes.
#pragma once

#include <memory>

#include "index/graph_index.h"
#include "storage/segment_reader.h"
#include "storage/segment_writer.h"

namespace sagedb {

void write_graph(const GraphIndex& graph, SegmentWriter& out);
// Verifies the checksums and that every number is in range, so that no damage can make a search read out of bounds. Throws CORRUPTION.
std::shared_ptr<const GraphIndex> read_graph(const SegmentReader& file, int threads);

}  // namespace sagedb
