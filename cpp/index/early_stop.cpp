#include "index/early_stop.h"

#include <algorithm>
#include <vector>

#include "kernels/kernels.h"

namespace sagedb {
namespace {

constexpr std::size_t kPairs = 4096;
constexpr Row kFewestRows = 1024;

// Measured: 768 bytes gain 25 to 44%, at 320 bytes the second look costs what the lines save.
constexpr std::size_t kShortestCode = 448;
// Of the neighbors' shares; what lies beyond is stopped although it may belong to the result. Recall at equal ef did not change measurably
// between this and the largest share.
constexpr double kQuantile = 0.995;

// Bytes measured first, whole cache lines: 64 to 192 are equally fast, more are safer.
std::uint32_t first_bytes(std::size_t stride) { return stride < kShortestCode ? 0 : 128; }

}  // namespace

EarlyStop calibrate_early_stop(const GraphData& graph, const SpaceView& space, const Row* map) {
  EarlyStop stop;
  if (space.codes == nullptr || graph.nodes() < kFewestRows) return stop;
  const std::size_t stride = space.codes->stride();
  const std::uint32_t bytes = first_bytes(stride);
  if (bytes == 0) return stop;
  const auto code = [&](Row r) { return space.codes->row(map != nullptr ? map[r] : r); };
  std::vector<float> shares;
  shares.reserve(kPairs);
  // Of nodes: a step over rows would meet too few of them where most have no vector.
  const Row step = std::max<Row>(1, graph.nodes() / kPairs);
  for (Row r = 0; r < graph.rows && shares.size() < kPairs; r += step) {
    const Row* links = graph.base.links(r);
    const Row other = load_link(links + (r / step) % 4);
    if (other >= graph.rows) continue;
    const auto whole = static_cast<float>(kernels().l2_u7(code(r), code(other), stride));
    if (whole > 0) shares.push_back(static_cast<float>(kernels().l2_u7(code(r), code(other), bytes)) / whole);
  }
  if (shares.size() < kFewestRows / 2) return stop;
  const auto at = shares.begin() + static_cast<std::ptrdiff_t>(static_cast<double>(shares.size() - 1) * kQuantile);
  std::nth_element(shares.begin(), at, shares.end());
  stop.bytes = bytes;
  stop.share = *at;
  return stop;
}

}  // namespace sagedb
