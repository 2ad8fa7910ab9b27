// A vector space as the engine would hold it (vectors, codes, tombstones), an exact oracle, and recall.
#pragma once

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "index/index.h"
#include "support/vector_sets.h"

namespace sagedb::test {

class TestSpace {
 public:
  TestSpace(const VectorSet& set, Metric metric, bool with_codes, VectorType type = VectorType::float32)
      : vectors_(set.dimension, type), metric_(metric) {
    add(set, with_codes);
  }

  SpaceView view() const { return {&vectors_, codes_.get(), metric_}; }
  Row rows() const { return rows_; }

  // The nearest k accepted rows by exact distance, ties by row.
  std::vector<Candidate> exact(const float* query, std::size_t k, const RowSelector& selector = {}) const {
    const Query q(query, view());
    std::vector<Candidate> all;
    for (Row r = 0; r < rows_; ++r)
      if (selector.accepts(r)) all.push_back({exact_distance(view(), q, r), r});
    k = std::min(k, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(k), all.end(), nearer);
    all.resize(k);
    return all;
  }

 private:
  void add(const VectorSet& set, bool with_codes) {
    VectorSet unit = set;
    if (metric_ == Metric::cosine) normalise(unit);
    rows_ = static_cast<Row>(set.count);
    vectors_.ensure(rows_);
    vectors_.write(0, unit.values.data(), set.count);
    if (!with_codes) return;
    codes_ = std::make_unique<CodeStore>(Codec::train(vectors_, metric_, std::max<Row>(rows_, 1)));
    codes_->ensure(rows_);
    codes_->encode(vectors_, 0, rows_);
  }

  VectorStore vectors_;
  std::unique_ptr<CodeStore> codes_;
  Metric metric_;
  Row rows_ = 0;
};

// Tombstones and filter bitmaps for selectors.
class TestSelector {
 public:
  explicit TestSelector(Row rows) : rows_(rows) {
    deleted_.ensure(rows);
    for (Row r = 0; r < rows; ++r) deleted_[r].store(kNever, std::memory_order_relaxed);
    allowed_.assign((rows + 63) / 64, 0);
  }
  void remove(Row r) {
    deleted_[r].store(1, std::memory_order_relaxed);
    any_deleted_ = true;
  }
  void allow(Row r) {
    allowed_[r >> 6] |= std::uint64_t{1} << (r & 63);
    ++allowed_count_;
  }
  RowSelector selector() const {
    RowSelector s;
    if (any_deleted_) s.deleted = &deleted_, s.sequence = 5;
    if (allowed_count_ > 0) s.allowed = allowed_.data(), s.allowed_count = allowed_count_;
    return s;
  }
  Row matching() const {
    Row n = 0;
    for (Row r = 0; r < rows_; ++r) n += selector().accepts(r) ? 1 : 0;
    return n;
  }

 private:
  Row rows_;
  BlockArray<std::atomic<Sequence>> deleted_;
  bool any_deleted_ = false;
  std::vector<std::uint64_t> allowed_;
  Row allowed_count_ = 0;
};

// Share of the exact rows that were found; a found row at the distance of the k-th exact one counts (ties).
inline double recall_of(const std::vector<Candidate>& found, const std::vector<Candidate>& exact) {
  if (exact.empty()) return 1.0;
  const float reach = exact.back().distance;
  std::size_t hits = 0;
  for (const Candidate& c : found) hits += c.distance <= reach ? 1 : 0;
  return static_cast<double>(std::min(hits, exact.size())) / static_cast<double>(exact.size());
}

}  // namespace sagedb::test
