// Which way a restricted search goes, by estimated cost; see docs/decisions/0007-filtered-search.md for the measurements.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace sagedb {

enum class FilterPlan : std::uint8_t {
  none,  // nothing restricted: plain beam search
  scan,  // measure every allowed row
  two_hop,  // traverse allowed rows only, bridging over the others through their neighbors
  traverse,  // traverse all rows, keep the accepted ones
};

const char* filter_plan_name(FilterPlan plan) noexcept;

struct FilterInputs {
  Row rows = 0;  // rows of the graph
  Row allowed = 0;  // rows that the filter allows (upper bound); == rows without a filter
  std::uint32_t ef = 0;
  std::uint32_t M = 16;
  std::size_t row_bytes = 0;  // bytes that one distance reads
};

struct FilterChoice {
  FilterPlan plan = FilterPlan::none;
  // Estimated nanoseconds of each way, at equal recall.
  float scan_ns = 0;
  float two_hop_ns = 0;
  float traverse_ns = 0;
};

FilterChoice choose_filter_plan(const FilterInputs& in) noexcept;

}  // namespace sagedb
