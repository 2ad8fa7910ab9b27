// The contract of a search index: a value that is built, then frozen.
//
// Thread safety: every method of a published Index is const, re-entrant and lock-free; any number of threads search it at once.
// Invariants: an Index covers exactly the rows [0, rows()) of its vector space that have a vector there, holds no pointer to the engine, and never
// changes after grow() returned it. Growth makes a new Index (links copied, vectors and codes shared).
//
// A plugin implements AnnsAlgorithm and registers itself in registry.cpp; see docs/architecture.md, «Index plugins».
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/memory.h"
#include "base/types.h"
#include "index/codec.h"
#include "index/filter_plan.h"
#include "store/presence.h"
#include "store/vector_store.h"

namespace sagedb {

// What an index may read of a vector space: shared by pointer, append-only, so a view stays valid while rows are added.
struct SpaceView {
  const VectorStore* vectors = nullptr;
  const CodeStore* codes = nullptr;  // null: no codec trained yet, or quantization 'none'
  Metric metric = Metric::l2;
  // Rows that have a vector; null: all. The others are in no index and no result.
  const std::uint64_t* present = nullptr;
  bool has(Row r) const noexcept { return present == nullptr || has_bit(present, r); }
};

// Which rows a search may return: alive at the snapshot and, with a filter, allowed by it. Plain pointers, no ownership.
struct RowSelector {
  const BlockArray<std::atomic<Sequence>>* deleted =
      nullptr;  // null: no tombstone at or below `sequence` among the searched rows
  Sequence sequence = 0;
  const std::uint64_t* allowed = nullptr;  // bitmap over rows that have a vector; null: no filter
  Row allowed_count = 0;  // set bits (an upper bound of the matching rows), for choosing a plan

  bool unrestricted() const noexcept { return deleted == nullptr && allowed == nullptr; }
  bool accepts(Row r) const noexcept {
    if (allowed != nullptr && !has_bit(allowed, r)) return false;
    return deleted == nullptr || lives_at((*deleted)[r].load(std::memory_order_relaxed), sequence);
  }
};

// One query, prepared once per search. `full` is padded with zeros (and unit length under cosine); `code` likewise.
struct Query {
  Query(const float* vector,
        const SpaceView& space);  // copies, normalises under cosine, encodes when space.codes is set
  AlignedVector<float> full;
  AlignedVector<std::uint8_t> code;  // l2 / cosine
  AlignedVector<std::int8_t> signed_code;  // ip
  std::int32_t code_bias = 0;  // ip: 64 * sum(signed_code)
  float code_unit = 1;  // what one step of the kernel's integer is worth
  float code_error = 0;  // upper bound of the length of (full - decoded code)
  float code_scale = 1;  // ip: scale of the query's own code
  // Approximate distance from the integer that l2_u7* / dot_u7* returned for this query and a row's code.
  float code_distance(std::int32_t raw) const noexcept { return code_unit * static_cast<float>(raw - code_bias); }
};

// Exact distance of one row / of many, from full-precision vectors.
float exact_distance(const SpaceView& space, const Query& query, Row row) noexcept;
void exact_distances(const SpaceView& space, const Query& query, const Row* rows, std::size_t count,
                     float* out) noexcept;

// An index is built so that a search with this pool finds every stored row by its own vector.
inline constexpr std::uint32_t kSelfSearchEf = 40;

struct SearchParams {
  std::uint32_t k = 10;  // candidates wanted
  std::uint32_t ef = 0;  // breadth of the traversal; below k the rest of the candidates are met in passing
};

struct SearchCounters {
  std::uint64_t visited = 0;  // nodes expanded
  std::uint64_t distances = 0;  // distances measured
  FilterPlan plan = FilterPlan::none;
};

// Working memory of one search: visited marks, candidate pool, gather lists. Grows to fit and is reused.
class SearchScratch;
// Leases scratch to searches. Thread safety: self-synchronised. Never indexed by thread number.
class ScratchPool {
 public:
  ScratchPool();
  ~ScratchPool();
  class Lease {
   public:
    Lease(ScratchPool& pool, std::unique_ptr<SearchScratch> s);
    ~Lease();
    Lease(Lease&&) noexcept;
    SearchScratch& operator*() const noexcept { return *scratch_; }

   private:
    ScratchPool* pool_;
    std::unique_ptr<SearchScratch> scratch_;
  };
  Lease lease();
  std::size_t bytes() const noexcept;

 private:
  friend class Lease;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Index {
 public:
  virtual ~Index() = default;
  virtual const char* name() const noexcept = 0;
  virtual Row rows() const noexcept = 0;
  // Appends up to max(k, ef) accepted candidates to `out`, nearest first by the index's own (possibly code) distance. With a restricted
  // selector it keeps going until ef accepted candidates are found or the graph is exhausted. Returns true when the
  // distances are exact (no re-rank needed). May throw only OUT_OF_MEMORY.
  virtual bool search(const SpaceView& space, const Query& query, const SearchParams& params,
                      const RowSelector& selector, SearchScratch& scratch, std::vector<Candidate>& out,
                      SearchCounters* counters) const = 0;
  virtual std::size_t memory_bytes() const noexcept = 0;
  // Checks internal structure (link bounds, reachability); returns a description of the first problem, or empty.
  virtual std::string verify(const SpaceView& space) const = 0;
  // Old rows that growth has not yet checked for being findable: grow() to the same rows with BuildContext::old_checks does it.
  virtual Row unchecked() const noexcept { return 0; }
  // Whether it is worth keeping for its buffers once nobody reads it; one that reads a mapped file in place only keeps the file.
  virtual bool reusable() const noexcept { return false; }
};

struct IndexConfig {
  IndexKind kind = IndexKind::automatic;
  std::uint32_t M = 16;  // neighbors per node on upper levels; 2M on level 0
  std::uint32_t ef_construction = 200;
  std::uint64_t seed = 0x5a6edb;  // level draws depend on seed and row only: builds are reproducible on one thread
};

struct BuildContext {
  int threads = 1;
  const CancelToken* cancel = nullptr;
  Progress* progress = nullptr;
  std::size_t old_checks = 0;  // old rows to check at least
};

// Old row -> new row after compaction; kNoRow for rows that are gone. New rows are dense and keep their order.
struct RowRemap {
  std::vector<Row> new_row;
  Row new_count = 0;
};

class AnnsAlgorithm {
 public:
  virtual ~AnnsAlgorithm() = default;
  virtual const char* name() const noexcept = 0;
  virtual bool uses_codes() const noexcept = 0;
  // A new index over rows [0, rows): `base` (may be null, covers a prefix) grown by the missing rows, in parallel. `base` is not
  // modified and stays searchable. `recycled` (may be null) is an index nobody else holds whose buffers may be reused.
  virtual std::shared_ptr<const Index> grow(const SpaceView& space, std::shared_ptr<const Index> base, Row rows,
                                            std::shared_ptr<const Index> recycled,
                                            const BuildContext& context) const = 0;
  // The index after compaction: nodes without a new row are cut out and the lists that lost neighbors are repaired from the neighbors'
  // neighbors. `space` is the old space (distances); the result covers [0, remap.new_count) of the new one.
  virtual std::shared_ptr<const Index> compact(const SpaceView& space, std::shared_ptr<const Index> base,
                                               const RowRemap& remap, const BuildContext& context) const = 0;
};

// Registry of algorithms by name ("flat", "hnsw"). Throws INVALID_ARGUMENT for an unknown name, listing the known ones.
std::unique_ptr<AnnsAlgorithm> create_anns_algorithm(const std::string& name, const IndexConfig& config);
std::vector<std::string> anns_algorithm_names();

}  // namespace sagedb
