#include "support/ground_truth.h"

#include <algorithm>
#include <cmath>

#include "base/executor.h"

namespace sagedb::bench {
namespace {

constexpr std::size_t kRowBlock =
    64;    // rows of one block stay in the first-level cache while every query of a block reads them
constexpr std::size_t kQueryBlock = 16;

float dot(const float* a, const float* b, std::size_t n) {
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

float squared_l2(const float* a, const float* b, std::size_t n) {
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

double precise(const float* a, const float* b, std::size_t n, Metric metric) {
  double sum = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double x = a[i];
    const double y = b[i];
    sum += metric == Metric::l2 ? (x - y) * (x - y) : x * y;
    aa += x * x;
    bb += y * y;
  }
  if (metric == Metric::l2) return sum;
  return metric == Metric::ip ? -sum : -sum / std::sqrt(aa * bb);
}

struct Best {
  float distance;
  std::int32_t row;
  bool operator<(const Best& o) const { return distance != o.distance ? distance < o.distance : row < o.row; }
};

std::vector<float> inverse_norms(const Matrix& m) {
  std::vector<float> out(m.rows);
  for (std::size_t i = 0; i < m.rows; ++i) {
    const float norm = std::sqrt(dot(m.row(i), m.row(i), m.dimension));
    out[i] = norm > 0 ? 1 / norm : 0;
  }
  return out;
}

}  // namespace

std::vector<std::int32_t> exact_neighbors(const Matrix& base, const Matrix& queries, std::size_t k, Metric metric,
                                          int threads) {
  const std::size_t n = base.dimension;
  k = std::min(k, base.rows);
  const std::size_t kept = std::min(base.rows, 2 * k + 20);
  // The query's length does not change the order under cosine; the row's does.
  const std::vector<float> scale = metric == Metric::cosine ? inverse_norms(base) : std::vector<float>();
  std::vector<std::int32_t> out(queries.rows * k);
  parallel_for(queries.rows, kQueryBlock, threads, [&](std::size_t begin, std::size_t end, int) {
    std::vector<std::vector<Best>> heaps(end - begin);
    for (std::size_t block = 0; block < base.rows; block += kRowBlock) {
      const std::size_t last = std::min(block + kRowBlock, base.rows);
      for (std::size_t q = begin; q < end; ++q) {
        auto& heap = heaps[q - begin];
        for (std::size_t r = block; r < last; ++r) {
          float d =
              metric == Metric::l2 ? squared_l2(queries.row(q), base.row(r), n) : -dot(queries.row(q), base.row(r), n);
          if (metric == Metric::cosine) d *= scale[r];
          const Best candidate{d, static_cast<std::int32_t>(r)};
          if (heap.size() == kept && !(candidate < heap.front())) continue;
          if (heap.size() == kept) {
            std::pop_heap(heap.begin(), heap.end());
            heap.pop_back();
          }
          heap.push_back(candidate);
          std::push_heap(heap.begin(), heap.end());
        }
      }
    }
    for (std::size_t q = begin; q < end; ++q) {
      std::vector<std::pair<double, std::int32_t>> ordered;
      for (const Best& b : heaps[q - begin])
        ordered.emplace_back(precise(queries.row(q), base.row(b.row), n, metric), b.row);
      std::sort(ordered.begin(), ordered.end());
      for (std::size_t i = 0; i < k; ++i) out[q * k + i] = ordered[i].second;
    }
  });
  return out;
}

double recall_at(std::size_t k, const std::vector<std::int32_t>& truth, std::size_t truth_k,
                 const std::vector<std::int32_t>& found, std::size_t found_k) {
  const std::size_t queries = found.size() / found_k;
  std::size_t hits = 0;
  for (std::size_t q = 0; q < queries; ++q) {
    const auto* want = truth.data() + q * truth_k;
    const auto* got = found.data() + q * found_k;
    for (std::size_t i = 0; i < k; ++i)
      hits += std::find(got, got + std::min(k, found_k), want[i]) != got + std::min(k, found_k);
  }
  return static_cast<double>(hits) / static_cast<double>(queries * k);
}

}  // namespace sagedb::bench
