#include "index/filter_plan.h"

#include <algorithm>
#include <cmath>

namespace sagedb {
namespace {

// Fitted to measurements; only the ratios matter.
constexpr float kScatteredBase = 12.0f;      // one distance at a random address, fixed part
constexpr float kScatteredPerByte = 0.045f;  // and per byte of the row
constexpr float kScanBase = 4.0f;            // one distance of an ascending scan
constexpr float kScanPerByte = 0.03f;
constexpr float kBridge = 45.0f;            // reading the link row of a bridged node and testing its neighbors
constexpr float kDistancesPerCandidate = 9.0f;  // new distances per expanded candidate of a beam
constexpr float kDescent = 250.0f;           // distances of the upper levels and the approach

}  // namespace

const char* filter_plan_name(FilterPlan plan) noexcept {
  switch (plan) {
    case FilterPlan::none:
      return "none";
    case FilterPlan::scan:
      return "scan";
    case FilterPlan::two_hop:
      return "two_hop";
    case FilterPlan::traverse:
      return "traverse";
  }
  return "none";
}

FilterChoice choose_filter_plan(const FilterInputs& in) noexcept {
  FilterChoice choice;
  if (in.rows == 0) return choice;
  const auto bytes = static_cast<float>(in.row_bytes);
  const float scattered = kScatteredBase + kScatteredPerByte * bytes;
  const float matches = static_cast<float>(std::min(in.allowed, in.rows));
  const float share = std::max(matches, 1.0f) / static_cast<float>(in.rows);
  const auto ef = static_cast<float>(in.ef);

  choice.scan_ns = matches * (kScanBase + kScanPerByte * bytes) + static_cast<float>(in.rows) * 0.03f;
  choice.traverse_ns = (kDescent + kDistancesPerCandidate * ef / share) * scattered;
  // Each expanded match reads the lists of its 2M * (1 - share) other neighbors and measures what they lead to.
  const float bridges = 1.4f * static_cast<float>(in.M) * (1.0f - share);
  choice.two_hop_ns = kDescent * scattered + ef * (bridges * kBridge + kDistancesPerCandidate * scattered);

  choice.plan = FilterPlan::scan;
  float best = choice.scan_ns;
  // Below a few percent the matches no longer hang together within two hops.
  if (share >= 0.02f && choice.two_hop_ns < best) choice.plan = FilterPlan::two_hop, best = choice.two_hop_ns;
  if (choice.traverse_ns < best) choice.plan = FilterPlan::traverse;
  return choice;
}

}  // namespace sagedb
