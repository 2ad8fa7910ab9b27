// A classical HNSW (Malkov & Yashunin, TPAMI 2018) that is changed in place: what the lock-based baselines search. Full-precision
// distances, two heaps, the engine's own kernels. It can take over the graph that the engine built, so that variants differ in locking
// and not in the graph.
//
// Thread safety: none. search() is const and may run in parallel as long as nobody adds; that is what the baselines' locks are for.
#pragma once

#include <cstdint>
#include <vector>

#include "base/memory.h"
#include "base/types.h"
#include "index/graph_data.h"
#include "kernels/kernels.h"

namespace sagedb::bench {

class MutableHnsw {
 public:
  // Marks of one search; leased to one thread.
  struct Scratch {
    std::vector<std::uint32_t> mark;
    std::uint32_t epoch = 0;
    std::vector<Row> rows;
    std::vector<const float*> addresses;
    std::vector<float> distances;
    AlignedVector<float> query;
  };

  MutableHnsw(std::size_t dimension, Metric metric, std::uint32_t M, std::uint32_t ef_construction,
              std::size_t capacity);

  // Rows [0, count) and the graph over them. `vectors` is dense.
  void adopt(const GraphData& graph, const float* vectors, std::size_t count);
  void add(const float* vector, Scratch& scratch);
  // Writes k row numbers, nearest first, padded with -1.
  void search(const float* query, std::size_t k, std::size_t ef, Scratch& scratch, std::int32_t* out) const;
  std::size_t rows() const noexcept { return rows_; }

 private:
  using Nearest = std::vector<Candidate>;
  const float* vector(Row r) const noexcept { return vectors_.data() + std::size_t{r} * padded_; }
  float distance(const float* a, const float* b) const noexcept;
  std::uint32_t degree(int level) const noexcept { return level == 0 ? 2 * M_ : M_; }
  std::vector<Row>& links(Row r, int level) {
    return level == 0 ? base_[r] : upper_[r][static_cast<std::size_t>(level - 1)];
  }
  const std::vector<Row>& links(Row r, int level) const {
    return level == 0 ? base_[r] : upper_[r][static_cast<std::size_t>(level - 1)];
  }
  void store(const float* vector);
  void prepare(const float* vector, Scratch& scratch) const;
  Row descend(const float* query, Row entry, int from, int to) const;
  Nearest search_level(const float* query, Row entry, int level, std::size_t ef, Scratch& scratch) const;
  std::vector<Row> select(const Nearest& nearest, std::size_t limit) const;
  void link_back(Row from, Row to, int level);

  const std::size_t dimension_;
  const std::size_t padded_;
  const Metric metric_;
  const std::uint32_t M_;
  const std::uint32_t ef_construction_;
  AlignedVector<float> vectors_;
  std::vector<std::vector<Row>> base_;
  std::vector<std::vector<std::vector<Row>>> upper_;  // by row, then level - 1
  std::size_t rows_ = 0;
  Row entry_ = kNoRow;
  int top_ = -1;
};

}  // namespace sagedb::bench
