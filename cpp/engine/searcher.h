// Answers searches from one snapshot.
//
// Thread safety: const and re-entrant; takes no lock after (or for) the snapshot.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <vector>

#include "engine/engine_state.h"
#include "engine/row_set.h"
#include "engine/team_size.h"
#include "engine/text_side.h"

namespace sagedb {

class Searcher {
 public:
  explicit Searcher(const EngineState& state) : state_(state) {}
  // Requests by text need a snapshot with its text index.
  // On as many threads as the batch is worth, of the engine's divided by `share`.
  std::vector<SearchResult> search(const Snapshot& snapshot, const SearchRequest* requests, std::size_t count,
                                   int share = 1) const;
  // The k nearest live rows of a space with exactly this ef, by exact distance; for calibration.
  std::vector<Candidate> nearest(const Snapshot& snapshot, SpaceNo space, const Query& query, std::uint32_t k,
                                 std::uint32_t ef) const;
  // Candidates to keep: the request's own ef, else what the calibration of the space says of its recall target.
  static std::uint32_t effective_ef(const Snapshot& snapshot, SpaceNo space, const SearchRequest& request,
                                    std::uint32_t k) noexcept;

 private:
  // Filters of a batch, each evaluated once.
  struct FilterRows {
    std::shared_ptr<const RowSet> rows;
    std::optional<Error> error;
    double micros = 0;
  };
  using FilterMap = std::map<const Filter*, FilterRows>;

  TeamSize& team_for(const SearchRequest& request) const noexcept;
  FilterMap evaluate_filters(const Snapshot& snapshot, const SearchRequest* requests, std::size_t count) const;
  void search_one(const Snapshot& snapshot, const FilterMap& filters, const SearchRequest& request,
                  SearchScratch& scratch, SearchResult& out) const;
  // A query vector and the space that it is for.
  struct Target {
    SpaceNo space;
    const float* vector;
    Query query;
  };
  struct Plan {
    SpaceNo space = 0;
    std::uint32_t nearest = 0;  // results that are asked for
    std::uint32_t want = 0;  // candidates to return: room for those that tie with the last of them
    std::uint32_t ef = 0;
    bool exact = false;
    const RowSet* allowed = nullptr;
  };
  // `text` may be null.
  std::vector<ScoredRecord> fused(const Snapshot& snapshot, const FusedRequest& fusion, const TextSide* text,
                                  const RowSet* allowed, const SearchRequest& request, SearchScratch& scratch,
                                  Explain* explain) const;
  std::vector<ScoredRecord> fuse_by_scores(const Snapshot& snapshot, const FusedRequest& fusion,
                                           const std::vector<Target>& targets, const TextSide* text, double text_weight,
                                           const std::vector<std::vector<ScoredRecord>>& lists) const;
  std::vector<Candidate> nearest_rows(const Snapshot& snapshot, const Target& target, std::uint32_t k,
                                      const RowSet* allowed, const SearchRequest& request, SearchScratch& scratch,
                                      Explain* explain) const;
  std::vector<Candidate> collect(const Snapshot& snapshot, const Query& query, const Plan& plan, SearchScratch& scratch,
                                 Explain* explain) const;
  void check(const SearchRequest& request) const;
  void check_fused(const SearchRequest& request) const;
  void check_query(SpaceNo space, const float* vector) const;

  const EngineState& state_;
  // By space, those that are exact apart: what one kind costs says nothing about the other.
  mutable std::array<std::array<TeamSize, 2>, kMaxSpaces> teams_;
};

}  // namespace sagedb
