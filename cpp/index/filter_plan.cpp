#include "index/filter_plan.h"

#include <algorithm>
#include <cmath>

namespace sagedb {
namespace {

// Nanoseconds, fitted to measurements (docs/decisions/0007-filtered-search.md); only the ratios matter.
constexpr float kScatteredBase = 11.5f;      // one distance at a random address, fixed part
constexpr float kScatteredPerByte = 0.055f;  // and per byte of the row
constexpr float kScanBase = 4.0f;            // one distance of an ascending scan
constexpr float kScanPerByte = 0.03f;
constexpr float kBridge = 31.0f;  // reading the link row of a bridged node and testing its neighbors
constexpr float kDistancesPerCandidate = 9.0f;  // new distances per expanded candidate of a beam
constexpr float kDescent = 250.0f;              // distances of the upper levels and the approach

// New distances per node that a two-hop search expands: the more rows are allowed, the more lie within two hops.
float two_hop_distances(float share) noexcept { return 75.0f * std::pow(share, 0.75f); }

// The plans differ in recall at equal ef, so they are compared where they are equally good: by what ef each needs for a recall of 0.95, relative
// to a traversal at a tenth. Two hops miss matches when few hang together; a traversal meets few rows beyond ef / share when many match.
float two_hop_breadth(float share) noexcept { return 0.8f + 0.0026f / (share * share); }
float traverse_breadth(float share) noexcept { return std::min(1.0f + 3.5f * std::max(share - 0.1f, 0.0f), 1.8f); }

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
  // The longer the pool, the longer an insertion.
  choice.traverse_ns =
      (kDescent + kDistancesPerCandidate * ef * traverse_breadth(share) / share) * scattered * (1.35f + 0.027f / share);
  // Each expanded match reads the lists of its 2M * (1 - share) other neighbors and measures what they lead to.
  const float bridges = 1.4f * static_cast<float>(in.M) * (1.0f - share);
  const float expanded = 1.25f * ef * two_hop_breadth(share) + 8.0f;
  choice.two_hop_ns = kDescent * scattered + expanded * (bridges * kBridge + two_hop_distances(share) * scattered);

  choice.plan = FilterPlan::scan;
  float best = choice.scan_ns;
  // Below a few percent the matches no longer hang together within two hops.
  if (share >= 0.02f && choice.two_hop_ns < best) choice.plan = FilterPlan::two_hop, best = choice.two_hop_ns;
  if (choice.traverse_ns < best) choice.plan = FilterPlan::traverse;
  return choice;
}

}  // namespace sagedb
