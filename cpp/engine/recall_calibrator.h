// Measures recall against ef on this database's own vectors and queries.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "engine/recall_table.h"
#include "engine/searcher.h"

namespace sagedb {

// `queries`: dense, dimension floats of the space each. Exact results come from one pass over the vectors for all queries together; then every ef of a
// geometric ladder is searched until its lower bound is practically 1. Single-threaded, meant for the maintenance thread.
// `stop` is asked every few milliseconds and may sleep, to leave the processor to searches; null is returned when it says so.
std::shared_ptr<const RecallTable> calibrate_recall(const Searcher& searcher, const Snapshot& snapshot, SpaceNo space,
                                                    const std::vector<float>& queries,
                                                    const std::function<bool()>& stop);

// How many queries a calibration of this size may use within its budget of distance computations.
std::size_t calibration_queries(Row rows, std::uint32_t dimension) noexcept;

}  // namespace sagedb
