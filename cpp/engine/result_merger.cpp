#include "engine/result_merger.h"

#include <algorithm>
#include <cmath>

namespace sagedb {

float score_of(float distance, Metric metric) noexcept {
  switch (metric) {
    case Metric::l2:
      return std::sqrt(std::max(0.0f, distance));
    case Metric::cosine:
      return std::min(1.0f, std::max(-1.0f, -distance));
    case Metric::ip:
      return -distance;
  }
  return distance;
}

bool within_radius(float score, float radius, Metric metric) noexcept {
  return metric == Metric::l2 ? score <= radius : score >= radius;
}

SpaceSet append_vectors(const Snapshot& snapshot, Row row, std::vector<float>* out) {
  const SpaceSet spaces = snapshot.spaces_of(row);
  for (SpaceNo s = 0; s < snapshot.spaces.size(); ++s) {
    if (!holds(spaces, s)) continue;
    const VectorColumn& column = snapshot.generation->columns[s];
    const std::size_t at = out->size();
    out->resize(at + column.vectors.dimension());
    column.read(row, out->data() + at);
  }
  return spaces;
}

std::vector<ScoredRecord> rank(const Snapshot& snapshot, Metric metric, const std::optional<float>& radius,
                               const std::vector<Candidate>& exact) {
  const RecordStore& records = snapshot.generation->records;
  std::vector<ScoredRecord> ranked;
  ranked.reserve(exact.size());
  for (const Candidate& c : exact) {
    const float score = score_of(c.distance, metric);
    if (radius && !within_radius(score, *radius, metric)) continue;
    ranked.push_back({score, records.record_of(c.row, snapshot.record_count)});
    if (ranked.back().record != kNoRecord) records.prefetch(ranked.back().record);
  }
  const bool ascending = metric == Metric::l2;
  std::sort(ranked.begin(), ranked.end(), [&](const ScoredRecord& a, const ScoredRecord& b) {
    if (a.score != b.score) return ascending ? a.score < b.score : a.score > b.score;
    return compare_ids(records.id(a.record), records.id(b.record)) < 0;
  });
  return ranked;
}

void fill_result(const Snapshot& snapshot, const Options& options, const SearchRequest& request,
                 const std::vector<ScoredRecord>& ranked, SearchResult& out) {
  const RecordStore& records = snapshot.generation->records;
  const std::size_t count = std::min<std::size_t>(ranked.size(), request.k);
  out.version = snapshot.version;
  out.sequence = snapshot.sequence;
  out.hits.reserve(count);
  if (request.include_vector) out.vectors.reserve(count * options.dimension);
  if (request.include_metadata) out.metadata.push_back('[');
  for (std::size_t i = 0; i < count; ++i) {
    const RecordNo r = ranked[i].record;
    out.hits.push_back(Hit{ExternalId(records.id(r)), ranked[i].score});
    if (request.include_vector) {
      const SpaceSet spaces = append_vectors(snapshot, records.row(r), &out.vectors);
      if (options.named()) out.spaces.push_back(spaces);
    }
    if (!request.include_metadata) continue;
    if (i > 0) out.metadata.push_back(',');
    const std::string_view text = records.metadata(r);
    out.metadata.append(text.empty() ? std::string_view("{}") : text);
  }
  if (request.include_metadata) out.metadata.push_back(']');
}

}  // namespace sagedb
