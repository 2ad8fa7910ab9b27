#include "engine/recall_calibrator.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/row_scan.h"

namespace sagedb {
namespace {

// Calibrated depths; others are interpolated.
constexpr std::uint32_t kDepths[] = {1, 10, 100};
// Multiply-adds of one calibration: a few seconds of one core.
constexpr double kBudget = 1.5e11;
constexpr Row kBlock = 256;
// Multiply-adds between two looks at stop(): well below a millisecond, so that a search that has to wait for the processor waits shortly.
constexpr double kPiece = 4e6;
constexpr std::size_t kQueriesPerStep = 4;
constexpr double kLadder = 1.3;
constexpr double kGoodEnough = 0.9985;
constexpr std::uint32_t kMaxEf = 4096;
// One-sided 95% normal quantile.
constexpr double kZ = 1.645;

using Truth = std::vector<std::vector<Candidate>>;

RowSelector live_rows(const Snapshot& snapshot) {
  RowSelector selector;
  selector.sequence = snapshot.sequence;
  if (snapshot.dead_rows > 0) selector.deleted = &snapshot.generation->records.row_deleted();
  return selector;
}

// Exact neighbors of all queries, block by block of rows, so that vectors are read from memory once.
bool exact_neighbors(const Snapshot& snapshot, const SpaceView& space, const std::vector<Query>& queries,
                     std::size_t depth, const std::function<bool()>& stop, Truth& out) {
  RowSelector selector = live_rows(snapshot);
  selector.allowed = space.present;
  std::vector<TopCandidates> tops(queries.size(), TopCandidates(depth));
  Row rows[kBlock];
  float distances[kBlock];
  const double block = static_cast<double>(kBlock) * space.vectors->dimension();
  const auto queries_per_piece = static_cast<std::size_t>(std::max(1.0, kPiece / block));
  for (Row r = 0; r < snapshot.row_count;) {
    std::uint32_t n = 0;
    for (; r < snapshot.row_count && n < kBlock; ++r)
      if (selector.accepts(r)) rows[n++] = r;
    for (std::size_t q = 0; q < queries.size(); ++q) {
      if (q % queries_per_piece == 0 && stop()) return false;
      exact_distances(space, queries[q], rows, n, distances);
      for (std::uint32_t i = 0; i < n; ++i)
        if (tops[q].improves(distances[i])) tops[q].offer({distances[i], rows[i]});
    }
  }
  for (TopCandidates& top : tops) out.push_back(top.take_sorted());
  return true;
}

// Share of the k nearest that were found; a found row as near as the k-th counts, so ties do not look like misses.
double recall_of(const std::vector<Candidate>& found, const std::vector<Candidate>& truth, std::uint32_t k) {
  const std::size_t want = std::min<std::size_t>(k, truth.size());
  if (want == 0) return 1;
  std::size_t hits = 0;
  for (std::size_t i = 0; i < found.size() && i < want; ++i)
    if (found[i].distance <= truth[want - 1].distance) ++hits;
  return static_cast<double>(hits) / static_cast<double>(want);
}

std::optional<RecallPoint> measure(const Searcher& searcher, const Snapshot& snapshot, SpaceNo space,
                                   const std::vector<Query>& queries, const Truth& truth, std::uint32_t k,
                                   std::uint32_t ef, const std::function<bool()>& stop) {
  double sum = 0, squares = 0;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    if (q % kQueriesPerStep == 0 && stop()) return std::nullopt;
    const double recall = recall_of(searcher.nearest(snapshot, space, queries[q], k, ef), truth[q], k);
    sum += recall;
    squares += recall * recall;
  }
  const auto n = static_cast<double>(queries.size());
  const double mean = sum / n;
  const double variance = std::max(0.0, squares / n - mean * mean);
  // Agresti-Coull-like floor: a sample without a single miss does not prove recall 1.
  const double floor = 1.0 / (n * k + 4.0);
  return RecallPoint{ef, mean, std::max(0.0, mean - kZ * std::sqrt(variance / n) - floor)};
}

}  // namespace

std::size_t calibration_queries(Row rows, std::uint32_t dimension) noexcept {
  const double n = kBudget / (static_cast<double>(std::max<Row>(1, rows)) * dimension);
  return static_cast<std::size_t>(std::min(1024.0, std::max(64.0, n)));
}

std::shared_ptr<const RecallTable> calibrate_recall(const Searcher& searcher, const Snapshot& snapshot, SpaceNo s,
                                                    const std::vector<float>& queries,
                                                    const std::function<bool()>& stop) {
  const SpaceView space = snapshot.view(s);
  const std::uint32_t dimension = space.vectors->dimension();
  std::vector<Query> prepared;
  for (std::size_t q = 0; q * dimension < queries.size(); ++q)
    prepared.emplace_back(queries.data() + q * dimension, space);
  if (prepared.empty()) return nullptr;
  Truth truth;
  if (!exact_neighbors(snapshot, space, prepared, kDepths[2], stop, truth)) return nullptr;
  std::vector<RecallCurve> curves;
  for (const std::uint32_t k : kDepths) {
    RecallCurve curve{k, {}};
    const std::uint32_t limit = std::min(kMaxEf, std::max(k, snapshot.row_count / 4));
    for (double ef = std::max(k, 8u);; ef = std::ceil(ef * kLadder)) {
      const auto at = std::min(limit, static_cast<std::uint32_t>(ef));
      const std::optional<RecallPoint> point = measure(searcher, snapshot, s, prepared, truth, k, at, stop);
      if (!point) return nullptr;
      curve.points.push_back(*point);
      if (at >= limit || curve.points.back().lower_bound >= kGoodEnough) break;
    }
    curves.push_back(std::move(curve));
  }
  return std::make_shared<const RecallTable>(std::move(curves), snapshot.indexed_rows(), prepared.size());
}

}  // namespace sagedb
