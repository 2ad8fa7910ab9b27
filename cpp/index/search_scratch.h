// Working memory of one search: visited marks, the candidate pool and gather lists. Leased, reused, never allocated per search once it
// has grown to the size that the graph and ef need.
//
// Thread safety: a SearchScratch belongs to one search at a time; ScratchPool (index/index.h) hands them out.
#pragma once

#include <cstdint>
#include <vector>

#include "index/candidate_pool.h"
#include "index/index.h"

namespace sagedb {

class SearchScratch {
 public:
  // Forgets the last search and makes room for node numbers below `nodes` and for `ef` candidates.
  void begin(std::size_t nodes, std::uint32_t ef);
  // The same without touching the pool: a second traversal of one search.
  void forget_visited(std::size_t nodes);

  // Gathering: reserve(n), then up to n calls of gather(). Nodes seen before are dropped without a branch. The list of all seen
  // nodes doubles as the list of marks to clear, so clearing costs what the search cost, not what the graph holds.
  void reserve(std::size_t more) {
    if (seen_.size() < seen_count_ + more) grow_seen(seen_count_ + more);
    if (distances_.size() < more) distances_.resize(more), entered_.resize(more);
  }
  void gather(std::uint32_t node) noexcept {
    std::uint64_t& word = visited_[node >> 6];
    const std::uint64_t bit = std::uint64_t{1} << (node & 63);
    seen_[seen_count_] = node;
    seen_count_ += (word & bit) == 0 ? 1 : 0;
    word |= bit;
  }
  bool visited(std::uint32_t node) const noexcept { return ((visited_[node >> 6] >> (node & 63)) & 1) != 0; }
  std::size_t seen_count() const noexcept { return seen_count_; }
  const std::uint32_t* seen() const noexcept { return seen_.data(); }
  DistanceKey* distances() noexcept { return distances_.data(); }
  std::uint32_t* entered() noexcept { return entered_.data(); }  // as long as distances()

  CandidatePool pool;
  std::vector<Row> rows;  // gather list of a filtered or upper-level step
  std::vector<CandidateKey> overflow;  // measured but not kept: where a widened search goes on
  std::vector<CandidateKey> accepted;

  std::size_t bytes() const noexcept;

 private:
  void grow_seen(std::size_t count);

  std::vector<std::uint64_t> visited_;
  std::vector<std::uint32_t> seen_;
  std::size_t seen_count_ = 0;
  std::vector<DistanceKey> distances_;
  std::vector<std::uint32_t> entered_;
};

}  // namespace sagedb
