// What a calibration learned: for some k, the recall that each ef reaches on this data.
//
// Thread safety: immutable after construction by the calibrator.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"

namespace sagedb {

struct RecallPoint {
  std::uint32_t ef;
  double recall;        // mean over the sample
  double lower_bound;   // one-sided 95% confidence bound of the mean
};

struct RecallCurve {
  std::uint32_t k;
  std::vector<RecallPoint> points;  // ascending ef
};

class RecallTable {
 public:
  RecallTable(std::vector<RecallCurve> curves, Row rows, std::size_t queries)
      : curves_(std::move(curves)), rows_(rows), queries_(queries) {}

  // Smallest ef whose lower confidence bound reaches `target` at `k`, interpolated between measured points; beyond the last point
  // extrapolated, so that a higher target never gives a smaller ef.
  std::uint32_t ef_for(std::uint32_t k, double target) const noexcept;
  // Rule of thumb before any calibration.
  static std::uint32_t guess(std::uint32_t k, double target) noexcept;

  const std::vector<RecallCurve>& curves() const noexcept { return curves_; }
  Row rows() const noexcept { return rows_; }  // indexed rows at calibration
  std::size_t queries() const noexcept { return queries_; }  // sampled queries it rests on

 private:
  std::vector<RecallCurve> curves_;  // ascending k
  Row rows_;
  std::size_t queries_;
};

}  // namespace sagedb
