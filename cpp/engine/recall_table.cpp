#include "engine/recall_table.h"

#include <algorithm>
#include <cmath>

namespace sagedb {
namespace {

constexpr double kMinMiss = 1e-4;

// Miss rate falls roughly as a power of ef, so interpolation is linear in log(ef) against log(1 - bound).
double log_miss(double bound) { return std::log(std::max(kMinMiss, 1.0 - bound)); }

double ef_on_curve(const RecallCurve& curve, double target) {
  const auto& p = curve.points;
  std::size_t i = 0;
  while (i < p.size() && p[i].lower_bound < target) ++i;
  if (i == 0) return p.front().ef;
  if (i == p.size()) {
    const double gap = log_miss(p.back().lower_bound) - log_miss(target);
    return static_cast<double>(p.back().ef) * std::exp(std::max(0.0, gap));
  }
  const double a = log_miss(p[i - 1].lower_bound), b = log_miss(p[i].lower_bound);
  const double t = a > b ? (a - log_miss(target)) / (a - b) : 1.0;
  const double la = std::log(p[i - 1].ef), lb = std::log(p[i].ef);
  return std::exp(la + std::min(1.0, std::max(0.0, t)) * (lb - la));
}

}  // namespace

std::uint32_t RecallTable::guess(std::uint32_t k, double target) noexcept {
  const double base = 40.0 + 1.5 * k;
  const double factor = std::min(40.0, std::max(1.0, 0.06 / std::max(1e-3, 1.0 - target)));
  return static_cast<std::uint32_t>(std::max<double>(k, base * factor));
}

std::uint32_t RecallTable::ef_for(std::uint32_t k, double target) const noexcept {
  if (curves_.empty()) return guess(k, target);
  std::size_t i = 0;
  while (i < curves_.size() && curves_[i].k < k) ++i;
  double ef;
  if (i == curves_.size()) {
    // Beyond the largest calibrated k the pool grows in proportion.
    ef = ef_on_curve(curves_.back(), target) * k / curves_.back().k;
  } else if (i == 0 || curves_[i].k == k) {
    ef = ef_on_curve(curves_[i], target);
  } else {
    const double t = (std::log(k) - std::log(curves_[i - 1].k)) / (std::log(curves_[i].k) - std::log(curves_[i - 1].k));
    ef = std::exp((1 - t) * std::log(ef_on_curve(curves_[i - 1], target)) +
                  t * std::log(ef_on_curve(curves_[i], target)));
  }
  return std::max(k, static_cast<std::uint32_t>(std::ceil(std::min(ef, 1e6))));
}

}  // namespace sagedb
