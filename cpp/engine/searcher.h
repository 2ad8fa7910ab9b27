// Answers searches from one snapshot.
//
// Thread safety: const and re-entrant; takes no lock after (or for) the snapshot.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "engine/engine_state.h"
#include "engine/row_set.h"

namespace sagedb {

class Searcher {
 public:
  explicit Searcher(const EngineState& state) : state_(state) {}
  std::vector<SearchResult> search(const SearchRequest* requests, std::size_t count) const;

 private:
  // Filters of a batch, each evaluated once.
  struct FilterRows {
    RowSet rows;
    std::optional<Error> error;
  };
  using FilterMap = std::map<const Filter*, FilterRows>;

  FilterMap evaluate_filters(const Snapshot& snapshot, const SearchRequest* requests, std::size_t count) const;
  void search_one(const Snapshot& snapshot, const FilterMap& filters, const SearchRequest& request, SearchScratch& scratch,
                  SearchResult& out) const;
  std::vector<Candidate> collect(const Snapshot& snapshot, const Query& query, const SearchRequest& request,
                                 const RowSet* allowed, std::uint32_t want, SearchScratch& scratch) const;
  void check(const SearchRequest& request) const;
  std::uint32_t effective_ef(const SearchRequest& request) const noexcept;

  const EngineState& state_;
};

}  // namespace sagedb
