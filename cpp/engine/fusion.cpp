#include "engine/fusion.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace sagedb {
namespace {

constexpr double kRankConstant = 60;

// What is added to a raw score and divided by then.
struct Scale {
  double least = 0, span = 0;
  double flat = 0;  // where there is no span
  double of(float score) const noexcept {
    if (std::isnan(score)) return 0;
    return span > 0 ? (static_cast<double>(score) - least) / span : flat;
  }
};

Scale scale_of(const SideScores& side) noexcept {
  Scale scale;
  bool any = false;
  double greatest = 0;
  for (const float x : side.scores) {
    if (std::isnan(x)) continue;
    greatest = any ? std::max<double>(greatest, x) : x;
    if (side.from_least) scale.least = any ? std::min<double>(scale.least, x) : x;
    any = true;
  }
  scale.span = greatest - scale.least;
  scale.flat = side.from_least ? 1 : 0;
  return scale;
}

}  // namespace

std::vector<ScoredRecord> fuse_ranks(const std::vector<std::vector<ScoredRecord>>& lists) {
  std::unordered_map<RecordNo, double> sums;
  for (const auto& list : lists)
    for (std::size_t i = 0; i < list.size(); ++i)
      sums[list[i].record] += 1 / (kRankConstant + static_cast<double>(i + 1));
  std::vector<ScoredRecord> out;
  out.reserve(sums.size());
  for (const auto& [record, score] : sums) out.push_back({static_cast<float>(score), record});
  return out;
}

std::vector<ScoredRecord> fuse_scores(const std::vector<RecordNo>& records, const std::vector<SideScores>& sides) {
  std::vector<double> sums(records.size(), 0);
  for (const SideScores& side : sides) {
    const Scale scale = scale_of(side);
    for (std::size_t i = 0; i < records.size(); ++i) sums[i] += side.weight * scale.of(side.scores[i]);
  }
  std::vector<ScoredRecord> out;
  out.reserve(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) out.push_back({static_cast<float>(sums[i]), records[i]});
  return out;
}

std::vector<RecordNo> records_of(const std::vector<std::vector<ScoredRecord>>& lists) {
  std::vector<RecordNo> records;
  for (const auto& list : lists)
    for (const ScoredRecord& s : list) records.push_back(s.record);
  std::sort(records.begin(), records.end());
  records.erase(std::unique(records.begin(), records.end()), records.end());
  return records;
}

void sort_best_first(const RecordStore& records, std::vector<ScoredRecord>* list) {
  std::sort(list->begin(), list->end(), [&](const ScoredRecord& a, const ScoredRecord& b) {
    return a.score != b.score ? a.score > b.score : compare_ids(records.id(a.record), records.id(b.record)) < 0;
  });
}

}  // namespace sagedb
