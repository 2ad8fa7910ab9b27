// The HNSW graph as a segment: 64 bytes of counts, level-0 links, parents, upper levels, fragile rows. docs/format.md gives the bytes.
#pragma once

#include <memory>

#include "index/graph_index.h"
#include "storage/segment_reader.h"
#include "storage/segment_writer.h"

namespace sagedb {

inline constexpr std::size_t kGraphCounts = 64;
// Where the upper levels begin in the payload.
std::uint64_t upper_levels_at(std::uint64_t M, std::uint64_t rows);

void write_graph(const GraphIndex& graph, SegmentWriter& out);
// Level 0 is read in place and unverified; searches check its links. The upper levels (a few bytes per row) are copied and every number of them is checked.
// Throws CORRUPTION.
std::shared_ptr<const GraphIndex> read_graph(std::shared_ptr<const SegmentReader> file);

}  // namespace sagedb
