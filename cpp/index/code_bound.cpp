#include "index/code_bound.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

namespace sagedb {
namespace {

constexpr double kUlp = 0x1p-23;
// Beyond every integer a kernel returns, and its square is still a float.
constexpr double kBeyond = 1e18;
// Codes are at most this many scales from zero under ip, and error bytes at most four more.
constexpr double kLargestCode = 64.0;
constexpr double kLargestRow = 68.0;

float at_least(double x) { return static_cast<float>(std::min(x * (1.0 + 4 * kUlp), kBeyond)); }

double norm(const Query& query) {
  double sum = 0;
  for (const float x : query.full) sum += static_cast<double>(x) * x;
  return std::sqrt(sum);
}

}  // namespace

CodeBound::CodeBound(const SpaceView& space, const Query& query) noexcept
    : metric_(space.metric),
      dimension_(space.codes->codec().dimension),
      scale_(space.codes->codec().scale),
      query_norm_(norm(query)),
      query_error_(query.code_error),
      bias_(query.code_bias) {
  const double error_unit = space.codes->codec().error_unit();
  if (metric_ == Metric::ip) {
    unit_ = static_cast<double>(query.code_scale) * scale_;
    slope_ = at_least(query_norm_ * error_unit / unit_);
  } else {
    unit_ = scale_;
    slope_ = at_least(error_unit / unit_);
  }
}

void CodeBound::set_limit(float worst) noexcept {
  if (!(worst < FLT_MAX)) {
    // Distances beyond the largest float are cut to it, so nothing is known to be worse.
    limit_ = static_cast<float>(metric_ == Metric::ip ? -kBeyond : kBeyond);
    return;
  }
  const double rounding = (dimension_ + 16) * kUlp;
  const double vanished = dimension_ * 0x1p-125;  // products below the smallest normal float may count as zero
  const double root = std::sqrt(dimension_);
  if (metric_ == Metric::ip) {
    const double longest = kLargestRow * scale_ * root;
    const double least_dot = -static_cast<double>(worst) - rounding * query_norm_ * longest - vanished;
    const double raw = bias_ + (least_dot - query_error_ * kLargestCode * scale_ * root) / unit_;
    // Room for the float rounding in may_pass(): a result is at most 127 * 64 per component.
    const double room = std::fabs(raw) * 4 * kUlp + dimension_ * 8128.0 * kUlp + 2;
    limit_ = static_cast<float>(std::max(raw - room, -kBeyond));
    return;
  }
  double radius2;
  if (metric_ == Metric::l2) {
    radius2 = (static_cast<double>(worst) + vanished) / (1.0 - rounding);
  } else {
    // Stored rows have unit length up to the rounding of their type.
    const double row_norm2 = 1.0 + 2e-3;
    const double slack = rounding * query_norm_ * row_norm2 + vanished;
    radius2 = query_norm_ * query_norm_ + row_norm2 + 2.0 * (static_cast<double>(worst) + slack);
  }
  limit_ = at_least((std::sqrt(std::max(radius2, 0.0)) + query_error_) / unit_);
}

}  // namespace sagedb
