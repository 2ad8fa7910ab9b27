// Exact search: every row is measured on full precision. The reference for the graph's recall, the plan for selective
// filters and the default for small data.
#pragma once

#include <memory>

#include "index/index.h"

namespace sagedb {

class FlatIndex final : public Index {
 public:
  explicit FlatIndex(Row rows) noexcept : rows_(rows) {}
  const char* name() const noexcept override { return "flat"; }
  Row rows() const noexcept override { return rows_; }
  // Always exact (returns true). Ties are broken by row.
  bool search(const SpaceView& space, const Query& query, const SearchParams& params, const RowSelector& selector,
              SearchScratch& scratch, std::vector<Candidate>& out, SearchCounters* counters) const override;
  std::size_t memory_bytes() const noexcept override { return sizeof(*this); }
  std::string verify(const SpaceView& space) const override;

 private:
  const Row rows_;
};

// Appends the max(k, ef) nearest accepted rows of [first, last) to `out`, nearest first, measured on full precision.
// Also for fresh rows, which no index covers yet.
void exact_scan(const SpaceView& space, const Query& query, std::size_t k, const RowSelector& selector, Row first,
                Row last, std::vector<Candidate>& out, SearchCounters* counters);

std::unique_ptr<AnnsAlgorithm> make_flat_algorithm(const IndexConfig& config);

}  // namespace sagedb
