#include "engine/fusion.h"

#include <algorithm>
#include <unordered_map>

namespace sagedb {
namespace {
constexpr double kRankConstant = 60;
}

std::vector<ScoredRecord> fuse_ranks(const std::vector<ScoredRecord>& a, const std::vector<ScoredRecord>& b) {
  std::unordered_map<RecordNo, double> sums;
  for (const auto* list : {&a, &b})
    for (std::size_t i = 0; i < list->size(); ++i)
      sums[(*list)[i].record] += 1 / (kRankConstant + static_cast<double>(i + 1));
  std::vector<ScoredRecord> out;
  out.reserve(sums.size());
  for (const auto& [record, score] : sums) out.push_back({static_cast<float>(score), record});
  return out;
}

std::vector<ScoredRecord> fuse_scores(const std::vector<RecordNo>& records, const std::vector<float>& by_vector,
                                      double vector_weight, const std::vector<float>& by_text, double text_weight) {
  std::vector<ScoredRecord> out;
  if (records.empty()) return out;
  const auto [least, greatest] = std::minmax_element(by_vector.begin(), by_vector.end());
  const double span = static_cast<double>(*greatest) - *least;
  const double most = *std::max_element(by_text.begin(), by_text.end());
  out.reserve(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    const double vector = span > 0 ? (static_cast<double>(by_vector[i]) - *least) / span : 1;
    const double text = most > 0 ? by_text[i] / most : 0;
    out.push_back({static_cast<float>(vector_weight * vector + text_weight * text), records[i]});
  }
  return out;
}

void sort_best_first(const RecordStore& records, std::vector<ScoredRecord>* list) {
  std::sort(list->begin(), list->end(), [&](const ScoredRecord& a, const ScoredRecord& b) {
    return a.score != b.score ? a.score > b.score : compare_ids(records.id(a.record), records.id(b.record)) < 0;
  });
}

}  // namespace sagedb
