// Proves from a row's code alone that its measured distance cannot be below a limit.
//
// Write q', x' for the decoded codes of query and row. For l2, |q - x| >= |q' - x'| - |q - q'| - |x - x'| and |q' - x'| is exactly
// scale * sqrt(kernel's integer). Cosine is the same with |q - x|^2 = |q|^2 + |x|^2 - 2 q.x. For ip,
// q.x <= q'.x' + |q - q'| |x'| + |q| |x - x'|. The errors |x - x'| are kept per row by the code store, |q - q'| by the query.
// Rounding of the full-precision kernels is part of the limit, so a skipped row would have lost also as measured.
#pragma once

#include "index/index.h"

namespace sagedb {

class CodeBound {
 public:
  CodeBound(const SpaceView& space, const Query& query) noexcept;

  // From now on rows whose measured distance must exceed `worst` are refused.
  void set_limit(float worst) noexcept;

  // May the row with this kernel result and error byte be measured at `worst` or below? True when nothing is known.
  bool may_pass(std::int32_t raw, std::uint8_t error) const noexcept {
    if (static_cast<std::uint8_t>(error - 1) >= 254) return true;
    const float step = static_cast<float>(error);
    if (metric_ == Metric::ip) return static_cast<float>(raw) >= limit_ - slope_ * step;
    const float radius = limit_ + slope_ * step;
    return static_cast<float>(raw) <= radius * radius * (1.0f + 0x1p-20f);
  }

 private:
  const Metric metric_;
  const double dimension_;
  const double scale_;
  const double query_norm_;  // |q|
  const double query_error_;  // |q - q'|
  const double bias_;
  double unit_;  // what one step of the integer (ip) or of its root (l2, cosine) is worth
  float slope_;  // what one step of the error byte is worth, in the same units
  float limit_ = 0;
};

}  // namespace sagedb
