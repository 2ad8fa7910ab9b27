// Calibrates when a traversal may stop measuring a long code early (EarlyStop): the part that the first bytes of two codes contribute to
// their squared distance varies little among neighbors, so a row whose first bytes alone are far beyond what the whole bound allows
// almost never lies within it. Like the hypothesis tests of ADSampling (Gao and Long, SIGMOD 2023), but on the codes as they stand: no
// rotation and no second copy, and the share is measured on neighbors in the graph instead of derived for random projections.
//
// What this loses counts in every measured recall, calibration of `ef` included, and goes away as `ef` grows: rows well within the
// bound are never stopped. A row at distance zero is never stopped.
#pragma once

#include "index/graph_data.h"
#include "index/index.h"

namespace sagedb {

// Measures pairs of linked rows, at most a few thousand. Node r of the graph stands for row map[r] (map may be null) of the space.
// Gives no early stop for full-precision vectors, short codes and small graphs.
EarlyStop calibrate_early_stop(const GraphData& graph, const SpaceView& space, const Row* map);

}  // namespace sagedb
