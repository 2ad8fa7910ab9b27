#include "index/rerank.h"

#include <algorithm>
#include <cmath>

#include "kernels/prefetch.h"

namespace sagedb {
namespace {

// Candidates measured before the first estimate, and between two estimates.
constexpr std::size_t kStep = 8;
// Standard deviations of the code error that are allowed for: beyond them a candidate is lost once in many thousand searches.
constexpr float kDeviations = 3.0f;

void prefetch_vector(const SpaceView& space, Row row) noexcept {
  // The first lines wake the hardware's streamer, which fetches the rest of a long vector.
  constexpr std::size_t kLines = 4;
  const auto* p = reinterpret_cast<const char*>(space.vectors->row(row));
  const std::size_t bytes = std::min(space.vectors->stride(), kLines * kCacheLine);
  for (std::size_t b = 0; b < bytes; b += kCacheLine) prefetch_line(p + b);
}

// Mean and spread of (exact - code distance) over the candidates measured so far.
class ErrorEstimate {
 public:
  void add(float error) noexcept {
    ++count_;
    const double delta = static_cast<double>(error) - mean_;
    mean_ += delta / static_cast<double>(count_);
    squares_ += delta * (static_cast<double>(error) - mean_);
  }
  // Exact distances are rarely below the code distance plus this.
  float lower() const noexcept {
    if (count_ < 2) return -HUGE_VALF;
    const double deviation = std::sqrt(squares_ / static_cast<double>(count_ - 1));
    // A spread estimated from few samples is itself uncertain: widen by the sampling error.
    const double factor = kDeviations * (1.0 + 1.5 / std::sqrt(static_cast<double>(count_)));
    return static_cast<float>(mean_ - factor * deviation);
  }

 private:
  std::size_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

}  // namespace

std::size_t rerank(const SpaceView& space, const Query& query, std::size_t k, std::vector<Candidate>& candidates,
                   std::size_t ties) {
  if (!std::is_sorted(candidates.begin(), candidates.end(), nearer))
    std::sort(candidates.begin(), candidates.end(), nearer);
  k = std::min(k, candidates.size());
  if (k == 0) {
    candidates.clear();
    return 0;
  }
  // Codes of cosine vectors measure squared L2, exact distances are negative dot products of unit vectors: -dot = L2^2 / 2 - 1.
  const bool cosine = space.metric == Metric::cosine;
  ErrorEstimate errors;
  std::size_t measured = 0;
  const std::size_t first = std::min(candidates.size(), k + kStep / 2);
  for (std::size_t i = 0; i < std::min(first, kStep); ++i) prefetch_vector(space, candidates[i].row);
  for (std::size_t step = first; step > 0;) {
    Row rows[kStep];
    float exact[kStep];
    for (std::size_t done = 0; done < step;) {
      const std::size_t n = std::min(kStep, step - done);
      Candidate* batch = candidates.data() + measured;
      for (std::size_t i = 0; i < n; ++i) rows[i] = batch[i].row;
      // The next ones are on their way while these are measured.
      for (std::size_t i = n; i < std::min(n + kStep, step - done); ++i) prefetch_vector(space, batch[i].row);
      exact_distances(space, query, rows, n, exact);
      for (std::size_t i = 0; i < n; ++i) {
        const float code = cosine ? batch[i].distance * 0.5f - 1.0f : batch[i].distance;
        errors.add(exact[i] - code);
        batch[i].distance = exact[i];
      }
      done += n, measured += n;
    }
    const auto measured_end = candidates.begin() + static_cast<std::ptrdiff_t>(measured);
    std::nth_element(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(k - 1), measured_end, nearer);
    if (measured == candidates.size()) break;
    const float kth = candidates[k - 1].distance;
    const float next = candidates[measured].distance;
    // Candidates are sorted by code distance: when the next cannot make it, none behind it can. Room for rounding, so that equals are
    // not told apart.
    const float best = (cosine ? next * 0.5f - 1.0f : next) + errors.lower();
    step = best > kth + std::fabs(kth) * 0x1p-20f ? 0 : std::min(kStep, candidates.size() - measured);
  }
  candidates.resize(measured);
  const auto last = candidates.begin() + static_cast<std::ptrdiff_t>(k);
  const float kth = candidates[k - 1].distance;  // the last selection put it there
  const auto tied = std::partition(last, candidates.end(), [&](const Candidate& c) { return c.distance == kth; });
  std::sort(candidates.begin(), tied, nearer);
  candidates.resize(std::min(static_cast<std::size_t>(tied - candidates.begin()), k + ties));
  return measured;
}

}  // namespace sagedb
