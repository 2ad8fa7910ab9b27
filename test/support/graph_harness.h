// Builds and searches graphs in tests the way the engine does.
#pragma once

#include <memory>
#include <vector>

#include "index/graph_index.h"
#include "index/rerank.h"
#include "support/vector_space.h"

namespace sagedb::test {

inline std::shared_ptr<const Index> build_graph(const SpaceView& space, Row rows, const IndexConfig& config = {},
                                                int threads = 2) {
  BuildContext context;
  context.threads = threads;
  return GraphAlgorithm(config).grow(space, nullptr, rows, nullptr, context);
}

// One search with re-ranking.
inline std::vector<Candidate> search_graph_for(const Index& index, const SpaceView& space, const float* vector,
                                               std::uint32_t k, std::uint32_t ef, const RowSelector& selector = {},
                                               SearchCounters* counters = nullptr) {
  static ScratchPool pool;
  const Query query(vector, space);
  std::vector<Candidate> found;
  const auto lease = pool.lease();
  const bool exact = index.search(space, query, {k, ef}, selector, *lease, found, counters);
  if (!exact) rerank(space, query, k, found);
  if (found.size() > k) found.resize(k);
  return found;
}

inline double mean_recall(const Index& index, const TestSpace& space, const VectorSet& queries, std::uint32_t k,
                          std::uint32_t ef, const RowSelector& selector = {}) {
  double sum = 0;
  for (std::size_t q = 0; q < queries.count; ++q) {
    const auto found = search_graph_for(index, space.view(), queries.row(q), k, ef, selector);
    sum += recall_of(found, space.exact(queries.row(q), k, selector));
  }
  return sum / static_cast<double>(queries.count);
}

}  // namespace sagedb::test
