// Linear scan of the fresh tail on codes. (Exact scans: index/flat_index.h.)
#pragma once

#include <cmath>
#include <vector>

#include "index/index.h"

namespace sagedb {

// Keeps the `limit` nearest candidates seen that are not beyond `bound`. A bounded max-heap: O(log limit) per improvement, O(1) per
// rejection.
class TopCandidates {
 public:
  explicit TopCandidates(std::size_t limit, float bound = HUGE_VALF) : limit_(limit), bound_(bound) {}
  // A candidate beyond this distance changes nothing.
  float worst() const noexcept { return heap_.size() < limit_ ? bound_ : heap_.front().distance; }
  bool improves(float distance) const noexcept { return distance <= worst(); }
  void offer(Candidate c);
  std::vector<Candidate> take_sorted();

 private:
  const std::size_t limit_;
  const float bound_;
  std::vector<Candidate> heap_;
};

// Offers rows [first, last) that the selector accepts, by code distance (space.codes must be set and cover the range).
void scan_codes(const SpaceView& space, const Query& query, Row first, Row last, const RowSelector& selector,
                TopCandidates& out);

}  // namespace sagedb
