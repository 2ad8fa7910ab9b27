#include "engine/searcher.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/executor.h"
#include "engine/result_merger.h"
#include "engine/row_scan.h"
#include "index/flat_index.h"
#include "index/rerank.h"

namespace sagedb {
namespace {

// Room beyond k for candidates that tie with the k-th, so that ties are broken by id and not by chance.
constexpr std::uint32_t kTieRoom = 8;
// More than this share of the rows asked for: a scan is cheaper than a traversal that visits nearly everything.
constexpr std::uint64_t kScanShare = 4;
constexpr double kDefaultRecall = 0.95;

}  // namespace

void Searcher::check(const SearchRequest& request) const {
  if (request.k < 1) throw Error(ErrorCode::INVALID_ARGUMENT, "k: expected a positive integer, got 0");
  if (request.radius && std::isnan(*request.radius))
    throw Error(ErrorCode::INVALID_ARGUMENT, "radius: expected a number, got NaN");
  double sum = 0;
  for (std::uint32_t d = 0; d < state_.options.dimension; ++d) {
    const float v = request.vector[d];
    if (!std::isfinite(v))
      throw Error(ErrorCode::INVALID_VECTOR,
                  "query, component " + std::to_string(d) + ": expected a finite number, got " + std::to_string(v));
    sum += static_cast<double>(v) * v;
  }
  if (state_.options.metric == Metric::cosine && !(sum > 0))
    throw Error(ErrorCode::INVALID_VECTOR,
                "query: a zero vector has no direction and cannot be used with metric 'cosine'");
}

std::uint32_t Searcher::effective_ef(const Snapshot& snapshot, const SearchRequest& request) noexcept {
  if (request.ef > 0) return std::max(request.ef, request.k);
  const double target = request.recall > 0 ? request.recall : kDefaultRecall;
  return snapshot.recall ? snapshot.recall->ef_for(request.k, target) : RecallTable::guess(request.k, target);
}

std::vector<Candidate> Searcher::nearest(const Snapshot& snapshot, const Query& query, std::uint32_t k,
                                         std::uint32_t ef) const {
  ScratchPool::Lease scratch = state_.scratch.lease();
  Plan plan;
  plan.want = k;
  plan.ef = std::max(k, ef);
  return collect(snapshot, query, plan, *scratch);
}

Searcher::FilterMap Searcher::evaluate_filters(const Snapshot& snapshot, const SearchRequest* requests,
                                               std::size_t count) const {
  FilterMap map;
  for (std::size_t i = 0; i < count; ++i) {
    const Filter* filter = requests[i].filter.get();
    if (filter == nullptr || map.count(filter) > 0) continue;
    FilterRows& entry = map[filter];
    try {
      entry.rows = state_.filters.rows(snapshot, *filter);
    } catch (...) {
      entry.error = current_error();
    }
  }
  return map;
}

std::vector<SearchResult> Searcher::search(const SearchRequest* requests, std::size_t count) const {
  const auto start = std::chrono::steady_clock::now();
  std::vector<SearchResult> results(count);
  const std::shared_ptr<const Snapshot> snapshot = state_.publisher.current();
  const FilterMap filters = evaluate_filters(*snapshot, requests, count);
  parallel_for(count, 1, state_.threads, [&](std::size_t begin, std::size_t end, int) {
    ScratchPool::Lease scratch = state_.scratch.lease();
    for (std::size_t i = begin; i < end; ++i) {
      try {
        search_one(*snapshot, filters, requests[i], *scratch, results[i]);
      } catch (...) {
        results[i] = SearchResult();
        results[i].error = current_error();
      }
    }
  });
  const auto end = std::chrono::steady_clock::now();
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(end - start).count();
  auto& counters = const_cast<Counters&>(state_.counters);
  counters.searches.fetch_add(count, std::memory_order_relaxed);
  counters.last_search_ns.store(std::chrono::nanoseconds(end.time_since_epoch()).count(), std::memory_order_relaxed);
  counters.search_ns.fetch_add(static_cast<std::uint64_t>(ns), std::memory_order_relaxed);
  return results;
}

void Searcher::search_one(const Snapshot& snapshot, const FilterMap& filters, const SearchRequest& request,
                          SearchScratch& scratch, SearchResult& out) const {
  check(request);
  if (request.cancel != nullptr) request.cancel->check();
  const RowSet* allowed = nullptr;
  if (request.filter) {
    const FilterRows& entry = filters.at(request.filter.get());
    if (entry.error) throw *entry.error;
    allowed = entry.rows.get();
  }
  const Query query(request.vector, snapshot.space(state_.options.metric));
  // Whoever sets ef by hand needs no calibration.
  if (allowed == nullptr && !request.exact && request.ef == 0) state_.sample.offer(request.vector);
  Plan plan;
  plan.exact = request.exact;
  plan.allowed = allowed;
  const std::uint32_t ef = effective_ef(snapshot, request);
  // Widen until the k-th result does not tie with the last candidate that was kept.
  std::vector<Candidate> exact;
  for (std::uint64_t want = std::uint64_t{request.k} + kTieRoom;; want *= 2) {
    const auto limit =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(want, std::max<std::uint64_t>(1, snapshot.row_count)));
    plan.want = limit;
    plan.ef = std::max(ef, limit);
    exact = collect(snapshot, query, plan, scratch);
    const bool tied = exact.size() == limit && exact.size() > request.k && limit < snapshot.row_count &&
                      exact.back().distance == exact[request.k - 1].distance;
    if (!tied) break;
  }
  fill_result(snapshot, state_.options, request, exact, out);
}

std::vector<Candidate> Searcher::collect(const Snapshot& snapshot, const Query& query, const Plan& plan,
                                         SearchScratch& scratch) const {
  const std::uint32_t want = plan.want;
  const std::uint32_t ef = plan.ef;
  const SpaceView space = snapshot.space(state_.options.metric);
  RowSelector selector;
  selector.sequence = snapshot.sequence;
  if (snapshot.dead_rows > 0) selector.deleted = &snapshot.generation->records.row_deleted();
  if (plan.allowed != nullptr) {
    selector.allowed = plan.allowed->words.data();
    selector.allowed_count = plan.allowed->count;
  }
  const Row indexed = snapshot.indexed_rows();
  std::vector<Candidate> candidates;
  if (plan.exact || indexed == 0 || std::uint64_t{ef} * kScanShare > snapshot.row_count) {
    exact_scan(space, query, want, selector, 0, snapshot.row_count, candidates, nullptr);
    return candidates;
  }
  RowSelector indexed_selector = selector;
  if (snapshot.dead_indexed == 0) indexed_selector.deleted = nullptr;
  const bool exact =
      snapshot.index->search(space, query, SearchParams{want, ef}, indexed_selector, scratch, candidates, nullptr);
  if (snapshot.fresh_rows() > 0) {
    if (exact) {
      exact_scan(space, query, want, selector, indexed, snapshot.row_count, candidates, nullptr);
    } else {
      // Behind the worst of a full pool a fresh row cannot matter.
      TopCandidates fresh(ef, candidates.size() >= ef ? candidates.back().distance : HUGE_VALF);
      scan_codes(space, query, indexed, snapshot.row_count, selector, fresh);
      const std::vector<Candidate> found = fresh.take_sorted();
      candidates.insert(candidates.end(), found.begin(), found.end());
    }
  }
  if (!exact) {
    rerank(space, query, want, candidates);
    return candidates;
  }
  std::sort(candidates.begin(), candidates.end(), nearer);
  if (candidates.size() > want) candidates.resize(want);
  return candidates;
}

}  // namespace sagedb
