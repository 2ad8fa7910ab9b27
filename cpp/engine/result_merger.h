// The API edge of distances: scores, ties by id, radius, and the texts of the results.
#pragma once

#include <vector>

#include "engine/sage_db.h"
#include "engine/snapshot.h"

namespace sagedb {

// l2: Euclidean distance (not squared); ip and cosine: similarity, cosine clamped to [-1, 1].
float score_of(float distance, Metric metric) noexcept;
// True when `score` is inside the radius (l2: at most; ip, cosine: at least).
bool within_radius(float score, float radius, Metric metric) noexcept;

struct ScoredRecord {
  float score;
  RecordNo record;
};

// Candidates with exact distances as scores within the radius, best first, ties by id.
std::vector<ScoredRecord> rank(const Snapshot& snapshot, Metric metric, const std::optional<float>& radius,
                               const std::vector<Candidate>& exact);

// The first k of `ranked` as hits, metadata and vectors of `out`, as the request asks.
void fill_result(const Snapshot& snapshot, const Options& options, const SearchRequest& request,
                 const std::vector<ScoredRecord>& ranked, SearchResult& out);

// Appends the vectors of a row as the caller gave them, those of its spaces one after the other; returns which spaces.
SpaceSet append_vectors(const Snapshot& snapshot, Row row, std::vector<float>* out);

}  // namespace sagedb
