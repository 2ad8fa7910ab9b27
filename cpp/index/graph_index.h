// A frozen HNSW graph (Malkov & Yashunin 2018) over the rows [0, rows()) of a vector space. Made by GraphBuilder and
// GraphCompactor only; searched by graph_search.h.
//
// Thread safety: immutable; any number of threads search it.
// Invariants: those of GraphData; verify() checks them.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "index/graph_data.h"
#include "index/index.h"

namespace sagedb {

class GraphIndex final : public Index {
 public:
  explicit GraphIndex(GraphData&& data) : data_(std::move(data)) {}

  const char* name() const noexcept override { return "hnsw"; }
  Row rows() const noexcept override { return data_.rows; }
  bool search(const SpaceView& space, const Query& query, const SearchParams& params, const RowSelector& selector,
              SearchScratch& scratch, std::vector<Candidate>& out, SearchCounters* counters) const override;
  std::size_t memory_bytes() const noexcept override { return data_.bytes(); }
  std::string verify(const SpaceView& space) const override;
  Row unchecked() const noexcept override { return data_.old.owed; }
  bool reusable() const noexcept override { return data_.base.capacity() > 0; }

  const GraphData& data() const noexcept { return data_; }
  // Takes the buffers out of an index that nobody else holds.
  static GraphData recycle(std::shared_ptr<const Index> index);

 private:
  GraphData data_;
};

// The "hnsw" plugin.
class GraphAlgorithm final : public AnnsAlgorithm {
 public:
  explicit GraphAlgorithm(const IndexConfig& config);  // throws INVALID_ARGUMENT for M or ef_construction out of range
  const char* name() const noexcept override { return "hnsw"; }
  bool uses_codes() const noexcept override { return true; }
  std::shared_ptr<const Index> grow(const SpaceView& space, std::shared_ptr<const Index> base, Row rows,
                                    std::shared_ptr<const Index> recycled, const BuildContext& context) const override;
  std::shared_ptr<const Index> compact(const SpaceView& space, std::shared_ptr<const Index> base, const RowRemap& remap,
                                       const BuildContext& context) const override;

 private:
  const IndexConfig config_;
};

}  // namespace sagedb
