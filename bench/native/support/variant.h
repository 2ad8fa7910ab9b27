// The four ways to share one index between threads that the design compares, behind one interface.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/types.h"
#include "index/graph_index.h"
#include "support/matrix.h"

namespace sagedb::bench {

class Variant {
 public:
  virtual ~Variant() = default;
  virtual const char* name() const = 0;
  // Threads that may call at once; 1: callers take turns elsewhere.
  virtual int max_threads() const = 0;
  // Writes k row numbers per query, padded with -1. Any thread.
  virtual void search(const float* query, std::size_t k, std::size_t ef, std::int32_t* out) = 0;
  virtual void batch_search(const float* queries, std::size_t count, std::size_t k, std::size_t ef,
                            std::int32_t* out) = 0;
  // Returns when the rows are acknowledged.
  virtual void add(const float* vectors, std::size_t count) = 0;
  // Returns when every acknowledged row is in the index.
  virtual void settle() = 0;
  virtual std::size_t rows() const = 0;
  virtual std::size_t indexed_rows() const = 0;
};

struct VariantConfig {
  std::size_t dimension = 0;
  Metric metric = Metric::cosine;
  std::uint32_t M = 16;
  std::uint32_t ef_construction = 200;
  int threads = 0;             // 0: every processor
  std::size_t capacity = 0;    // rows expected at the end (baselines reserve)
};

// A graph over all rows of `base`, built by the engine with all cores, for baselines to adopt.
std::shared_ptr<const GraphIndex> build_graph(const Matrix& base, const VariantConfig& config);

// sequential: no lock, one thread. mutex: one lock around every call, as when all calls run on the JS thread. rwlock: shared lock
// for searches, exclusive for writes. sagedb, sagedb-f32: this engine, with codes and without. Baselines start with `graph` (may be null)
// over `base`; the engine loads `base` itself and settles.
std::unique_ptr<Variant> make_variant(const std::string& name, const VariantConfig& config, const Matrix& base,
                                      const GraphIndex* graph);

}  // namespace sagedb::bench
