#include "support/mutable_hnsw.h"

#include <algorithm>
#include <cmath>
#include <queue>

namespace sagedb::bench {
namespace {

struct Further {
  bool operator()(const Candidate& a, const Candidate& b) const { return nearer(b, a); }
};
struct Nearer {
  bool operator()(const Candidate& a, const Candidate& b) const { return nearer(a, b); }
};

}  // namespace

MutableHnsw::MutableHnsw(std::size_t dimension, Metric metric, std::uint32_t M, std::uint32_t ef_construction,
                         std::size_t capacity)
    : dimension_(dimension),
      padded_(round_up(dimension, 16)),
      metric_(metric),
      M_(M),
      ef_construction_(ef_construction),
      vectors_(capacity * padded_) {
  base_.reserve(capacity);
  upper_.reserve(capacity);
}

float MutableHnsw::distance(const float* a, const float* b) const noexcept {
  return metric_ == Metric::l2 ? kernels().l2_f32(a, b, padded_) : -kernels().dot_f32(a, b, padded_);
}

void MutableHnsw::prepare(const float* vector, Scratch& scratch) const {
  scratch.query.assign(padded_, 0.0f);
  std::copy(vector, vector + dimension_, scratch.query.begin());
  if (metric_ != Metric::cosine) return;
  const float norm = std::sqrt(kernels().dot_f32(scratch.query.data(), scratch.query.data(), padded_));
  for (float& v : scratch.query) v /= norm;
}

void MutableHnsw::store(const float* prepared) {
  if ((rows_ + 1) * padded_ > vectors_.size()) vectors_.resize(2 * vectors_.size() + padded_);
  std::copy(prepared, prepared + padded_, vectors_.begin() + static_cast<std::ptrdiff_t>(rows_ * padded_));
  base_.emplace_back();
  upper_.emplace_back();
  ++rows_;
}

void MutableHnsw::adopt(const GraphData& graph, const float* vectors, std::size_t count) {
  Scratch scratch;
  for (std::size_t r = 0; r < count; ++r) {
    prepare(vectors + r * dimension_, scratch);
    store(scratch.query.data());
    const Row* list = graph.base.links(static_cast<Row>(r));
    for (std::uint32_t i = 0; i < graph.base.width() && list[i] != kNoRow; ++i) base_[r].push_back(list[i]);
  }
  for (const UpperLevel& level : graph.upper) {
    for (std::size_t node = 0; node < level.row.size(); ++node) {
      auto& list = upper_[level.row[node]].emplace_back();
      const std::uint32_t* links = level.links.data() + node * graph.M;
      for (std::uint32_t i = 0; i < graph.M && links[i] != kNoRow; ++i) list.push_back(level.row[links[i]]);
    }
  }
  entry_ = graph.entry;
  top_ = static_cast<int>(graph.upper.size());
}

Row MutableHnsw::descend(const float* query, Row entry, int from, int to) const {
  float best = distance(query, vector(entry));
  for (int level = from; level > to; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      for (const Row next : links(entry, level)) {
        const float d = distance(query, vector(next));
        if (d >= best) continue;
        best = d;
        entry = next;
        moved = true;
        break;
      }
    }
  }
  return entry;
}

MutableHnsw::Nearest MutableHnsw::search_level(const float* query, Row entry, int level, std::size_t ef,
                                               Scratch& s) const {
  if (s.mark.size() < rows_) s.mark.resize(std::max<std::size_t>(rows_ + rows_ / 4, 1024), 0);
  if (++s.epoch == 0) {
    std::fill(s.mark.begin(), s.mark.end(), 0);
    s.epoch = 1;
  }
  std::priority_queue<Candidate, std::vector<Candidate>, Further> open;
  std::priority_queue<Candidate, std::vector<Candidate>, Nearer> best;
  const Candidate start{distance(query, vector(entry)), entry};
  open.push(start);
  best.push(start);
  s.mark[entry] = s.epoch;
  while (!open.empty()) {
    const Candidate current = open.top();
    if (best.size() >= ef && current.distance > best.top().distance) break;
    open.pop();
    s.rows.clear();
    s.addresses.clear();
    for (const Row next : links(current.row, level)) {
      if (s.mark[next] == s.epoch) continue;
      s.mark[next] = s.epoch;
      s.rows.push_back(next);
      s.addresses.push_back(vector(next));
    }
    s.distances.resize(s.rows.size());
    const auto many = metric_ == Metric::l2 ? kernels().l2_f32_many : kernels().dot_f32_many;
    many(query, s.addresses.data(), s.rows.size(), padded_, s.distances.data());
    for (std::size_t i = 0; i < s.rows.size(); ++i) {
      const Candidate candidate{metric_ == Metric::l2 ? s.distances[i] : -s.distances[i], s.rows[i]};
      if (best.size() >= ef && candidate.distance >= best.top().distance) continue;
      open.push(candidate);
      best.push(candidate);
      if (best.size() > ef) best.pop();
    }
  }
  Nearest sorted(best.size());
  for (std::size_t i = sorted.size(); i-- > 0; best.pop()) sorted[i] = best.top();
  return sorted;
}

// Algorithm 4 of the paper without extension and with pruned candidates dropped, as hnswlib and faiss do.
std::vector<Row> MutableHnsw::select(const Nearest& nearest, std::size_t limit) const {
  std::vector<Row> kept;
  for (const Candidate& c : nearest) {
    if (kept.size() == limit) break;
    const bool covered =
        std::any_of(kept.begin(), kept.end(), [&](Row k) { return distance(vector(c.row), vector(k)) < c.distance; });
    if (!covered) kept.push_back(c.row);
  }
  return kept;
}

void MutableHnsw::link_back(Row from, Row to, int level) {
  std::vector<Row>& list = links(from, level);
  if (list.size() < degree(level)) {
    list.push_back(to);
    return;
  }
  Nearest all;
  for (const Row r : list) all.push_back({distance(vector(from), vector(r)), r});
  all.push_back({distance(vector(from), vector(to)), to});
  std::sort(all.begin(), all.end(), nearer);
  list = select(all, degree(level));
}

void MutableHnsw::add(const float* vector_in, Scratch& scratch) {
  prepare(vector_in, scratch);
  store(scratch.query.data());
  const Row row = static_cast<Row>(rows_ - 1);
  const int level = draw_level(0x5a6edb, row, M_);
  upper_[row].resize(static_cast<std::size_t>(std::max(level, 0)));
  if (entry_ == kNoRow) {
    entry_ = row;
    top_ = level;
    return;
  }
  const AlignedVector<float> query = scratch.query;
  Row entry = descend(query.data(), entry_, top_, level);
  for (int l = std::min(level, top_); l >= 0; --l) {
    const Nearest nearest = search_level(query.data(), entry, l, ef_construction_, scratch);
    entry = nearest.front().row;
    Nearest others;
    for (const Candidate& c : nearest) {
      if (c.row != row) others.push_back(c);
    }
    links(row, l) = select(others, M_);
    for (const Row neighbor : links(row, l)) link_back(neighbor, row, l);
  }
  if (level > top_) {
    top_ = level;
    entry_ = row;
  }
}

void MutableHnsw::search(const float* query, std::size_t k, std::size_t ef, Scratch& scratch, std::int32_t* out) const {
  std::fill(out, out + k, -1);
  if (entry_ == kNoRow) return;
  prepare(query, scratch);
  const Row entry = descend(scratch.query.data(), entry_, top_, 0);
  const Nearest nearest = search_level(scratch.query.data(), entry, 0, std::max(k, ef), scratch);
  for (std::size_t i = 0; i < std::min(k, nearest.size()); ++i) out[i] = static_cast<std::int32_t>(nearest[i].row);
}

}  // namespace sagedb::bench
