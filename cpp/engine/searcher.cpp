#include "engine/searcher.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/executor.h"
#include "engine/fusion.h"
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
// What each side of a hybrid search brings at least: beyond it a rank adds less than 1 / 160.
constexpr std::uint64_t kSideCandidates = 100;

// Times one stage, and only when asked to.
class Stopwatch {
 public:
  explicit Stopwatch(bool on) {
    if (on) start_ = std::chrono::steady_clock::now();
  }
  void stop(Explain* explain, double Explain::*stage) const {
    if (explain == nullptr) return;
    explain->*stage += std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_;
};

const char* plan_name(const Index& index, FilterPlan plan) {
  if (std::string_view(index.name()) == "flat") return "scan";
  switch (plan) {
    case FilterPlan::scan:
      return "filtered-scan";
    case FilterPlan::two_hop:
      return "two-hop";
    case FilterPlan::traverse:
      return "traverse";
    case FilterPlan::none:
      break;
  }
  return "graph";
}

void note(Explain* explain, const char* plan, const SearchCounters& counted) {
  if (explain == nullptr) return;
  // A search that had to widen counts all of its work.
  if (explain->plans.empty() || explain->plans.back() != plan) explain->plans.emplace_back(plan);
  explain->visited += counted.visited;
  explain->distances += counted.distances;
}

}  // namespace

void Searcher::check(const SearchRequest& request) const {
  if (request.k < 1) throw Error(ErrorCode::INVALID_ARGUMENT, "k: expected a positive integer, got 0");
  if (request.radius && std::isnan(*request.radius))
    throw Error(ErrorCode::INVALID_ARGUMENT, "radius: expected a number, got NaN");
  if (request.text) {
    const TextRequest& text = *request.text;
    const auto good = [](double x) { return std::isfinite(x) && x >= 0; };
    if (!good(text.k1)) throw Error(ErrorCode::INVALID_ARGUMENT, "k1: expected a number of at least 0");
    if (!good(text.b) || text.b > 1) throw Error(ErrorCode::INVALID_ARGUMENT, "b: expected a number from 0 to 1");
    if (!good(text.vector_weight) || !good(text.text_weight))
      throw Error(ErrorCode::INVALID_ARGUMENT, "fusion.weights: expected numbers of at least 0");
  } else if (request.vector == nullptr && !request.fused) {
    throw Error(ErrorCode::INVALID_ARGUMENT, "query: expected a vector, a text or both");
  }
  if (request.fused) return check_fused(request);
  if (request.vector != nullptr) check_query(request.space, request.vector);
}

void Searcher::check_fused(const SearchRequest& request) const {
  // Each space has a unit of its own.
  if (request.radius) throw Error(ErrorCode::INVALID_ARGUMENT, "radius: expected a search in one space, got several");
  if (request.vector != nullptr || request.fused->parts.empty())
    throw Error(ErrorCode::INVALID_ARGUMENT, "vectors: expected one or several of them in place of a vector");
  SpaceSet seen = 0;
  for (const FusedRequest::Part& part : request.fused->parts) {
    check_query(part.space, part.vector);
    if (holds(seen, part.space)) throw Error(ErrorCode::INVALID_ARGUMENT, "vectors: a space is named twice");
    seen |= SpaceSet{1} << part.space;
    if (!std::isfinite(part.weight) || part.weight < 0)
      throw Error(ErrorCode::INVALID_ARGUMENT, "fusion.weights: expected numbers of at least 0");
  }
}

void Searcher::check_query(SpaceNo s, const float* vector) const {
  const Options& options = state_.options;
  if (s >= options.space_count())
    throw Error(ErrorCode::INVALID_ARGUMENT, "space: expected a number below " + std::to_string(options.space_count()) +
                                                 ", got " + std::to_string(s));
  const SpaceSpec& space = options.spaces[s];
  const auto name = [&] { return options.named() ? "query, space '" + space.name + "'" : std::string("query"); };
  double sum = 0;
  for (std::uint32_t d = 0; d < space.dimension; ++d) {
    const float v = vector[d];
    if (!std::isfinite(v))
      throw Error(ErrorCode::INVALID_VECTOR,
                  name() + ", component " + std::to_string(d) + ": expected a finite number, got " + std::to_string(v));
    sum += static_cast<double>(v) * v;
  }
  if (space.metric == Metric::cosine && !(sum > 0))
    throw Error(ErrorCode::INVALID_VECTOR,
                name() + ": a zero vector has no direction and cannot be used with metric 'cosine'");
}

std::uint32_t Searcher::effective_ef(const Snapshot& snapshot, SpaceNo space, const SearchRequest& request,
                                     std::uint32_t k) noexcept {
  if (request.ef > 0) return std::max(request.ef, k);
  const RecallTable* const recall = snapshot.spaces[space].recall.get();
  const auto ef_for = [&](double target) {
    return recall != nullptr ? recall->ef_for(k, target) : RecallTable::guess(k, target);
  };
  if (request.recall > 0) return ef_for(request.recall);
  // Who asks for nothing expects that what was stored is found by its own vector, also where less would do for the recall.
  return std::max(kSelfSearchEf, ef_for(kDefaultRecall));
}

std::vector<Candidate> Searcher::nearest(const Snapshot& snapshot, SpaceNo space, const Query& query, std::uint32_t k,
                                         std::uint32_t ef) const {
  ScratchPool::Lease scratch = state_.scratch.lease();
  Plan plan;
  plan.space = space;
  plan.nearest = plan.want = k;
  plan.ef = std::max(k, ef);
  return collect(snapshot, query, plan, *scratch, nullptr);
}

Searcher::FilterMap Searcher::evaluate_filters(const Snapshot& snapshot, const SearchRequest* requests,
                                               std::size_t count) const {
  FilterMap map;
  for (std::size_t i = 0; i < count; ++i) {
    const Filter* filter = requests[i].filter.get();
    if (filter == nullptr || map.count(filter) > 0) continue;
    FilterRows& entry = map[filter];
    const auto start = std::chrono::steady_clock::now();
    try {
      entry.rows = state_.filters.rows(snapshot, requests[i].filter);
      entry.micros = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
    } catch (...) {
      entry.error = current_error();
    }
  }
  return map;
}

TeamSize& Searcher::team_for(const SearchRequest& request) const noexcept {
  return teams_[std::min<std::size_t>(request.space, kMaxSpaces - 1)][request.exact ? 1 : 0];
}

std::vector<SearchResult> Searcher::search(const Snapshot& snapshot, const SearchRequest* requests, std::size_t count,
                                           int share) const {
  const auto start = std::chrono::steady_clock::now();
  std::vector<SearchResult> results(count);
  const FilterMap filters = evaluate_filters(snapshot, requests, count);
  if (count == 0) return results;
  // Batches are of one space, and what is exact goes apart.
  TeamSize& team = team_for(requests[0]);
  parallel_for(count, 1, team.of(count, state_.threads / share), [&](std::size_t begin, std::size_t end, int worker) {
    const auto begun = std::chrono::steady_clock::now();
    ScratchPool::Lease scratch = state_.scratch.lease();
    for (std::size_t i = begin; i < end; ++i) {
      try {
        search_one(snapshot, filters, requests[i], *scratch, results[i]);
      } catch (...) {
        results[i] = SearchResult();
        results[i].error = current_error();
      }
    }
    if (worker == 0) team.measured(std::chrono::steady_clock::now() - begun, end - begin);
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
  const Stopwatch total(request.explain);
  if (request.explain) out.explain.emplace();
  Explain* const explain = request.explain ? &*out.explain : nullptr;
  const RowSet* allowed = nullptr;
  if (request.filter) {
    const FilterRows& entry = filters.at(request.filter.get());
    if (entry.error) throw *entry.error;
    allowed = entry.rows.get();
    if (explain != nullptr) explain->filter_matches = allowed->count, explain->filter_us = entry.micros;
  }
  std::vector<ScoredRecord> ranked;
  std::optional<TextSide> text;
  if (request.text) {
    const Stopwatch watch(request.explain);
    text.emplace(snapshot, *request.text);
    if (request.vector == nullptr && !request.fused) ranked = text->best(request.k, allowed, explain);
    watch.stop(explain, &Explain::text_us);
  }
  if (request.fused) {
    ranked = fused(snapshot, *request.fused, text ? &*text : nullptr, allowed, request, scratch, explain);
  } else if (request.vector != nullptr && text) {
    const FusedRequest::Part part{request.space, request.vector, request.text->vector_weight};
    ranked = fused(snapshot, FusedRequest{{part}, request.text->fusion}, &*text, allowed, request, scratch, explain);
  } else if (request.vector != nullptr) {
    const SpaceView view = snapshot.view(request.space);
    const Target target{request.space, request.vector, Query(request.vector, view)};
    ranked = rank(snapshot, view.metric, request.radius,
                  nearest_rows(snapshot, target, request.k, allowed, request, scratch, explain));
  }
  const Stopwatch watch(request.explain);
  fill_result(snapshot, state_.options, request, ranked, out);
  if (text && request.text->highlight) text->highlight(ranked.data(), out.hits.size(), out.highlights);
  watch.stop(explain, &Explain::results_us);
  total.stop(explain, &Explain::total_us);
  if (explain != nullptr) explain->total_us += explain->filter_us;
}

// Every side brings its best; ranked lists, or every candidate with its scores on all sides.
std::vector<ScoredRecord> Searcher::fused(const Snapshot& snapshot, const FusedRequest& fusion, const TextSide* text,
                                          const RowSet* allowed, const SearchRequest& request, SearchScratch& scratch,
                                          Explain* explain) const {
  const std::uint64_t wanted = std::max<std::uint64_t>(kSideCandidates, 2 * std::uint64_t{request.k});
  const auto depth = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, std::max<Row>(1, snapshot.row_count)));
  std::vector<Target> targets;
  std::vector<std::vector<ScoredRecord>> lists;
  for (const FusedRequest::Part& part : fusion.parts) {
    const SpaceView view = snapshot.view(part.space);
    targets.push_back(Target{part.space, part.vector, Query(part.vector, view)});
    lists.push_back(rank(snapshot, view.metric, request.radius,
                         nearest_rows(snapshot, targets.back(), depth, allowed, request, scratch, explain)));
    if (lists.back().size() > depth) lists.back().resize(depth);
  }
  const Stopwatch watch(request.explain);
  if (text != nullptr) lists.push_back(text->best(depth, allowed, explain));
  const double text_weight = request.text ? request.text->text_weight : 0;
  std::vector<ScoredRecord> out = fusion.fusion == Fusion::rrf
                                      ? fuse_ranks(lists)
                                      : fuse_by_scores(snapshot, fusion, targets, text, text_weight, lists);
  sort_best_first(snapshot.generation->records, &out);
  watch.stop(explain, &Explain::text_us);
  return out;
}

std::vector<ScoredRecord> Searcher::fuse_by_scores(const Snapshot& snapshot, const FusedRequest& fusion,
                                                   const std::vector<Target>& targets, const TextSide* text,
                                                   double text_weight,
                                                   const std::vector<std::vector<ScoredRecord>>& lists) const {
  const std::vector<RecordNo> records = records_of(lists);
  std::vector<Row> rows;
  for (const RecordNo r : records) rows.push_back(snapshot.generation->records.row(r));
  std::vector<SideScores> sides;
  for (std::size_t t = 0; t < targets.size(); ++t) {
    const SpaceView view = snapshot.view(targets[t].space);
    SideScores side{std::vector<float>(rows.size()), fusion.parts[t].weight, true};
    exact_distances(view, targets[t].query, rows.data(), rows.size(), side.scores.data());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const float score = score_of(side.scores[i], view.metric);
      side.scores[i] = !view.has(rows[i])          ? std::numeric_limits<float>::quiet_NaN()
                       : view.metric == Metric::l2 ? -score
                                                   : score;
    }
    sides.push_back(std::move(side));
  }
  if (text != nullptr) sides.push_back(SideScores{text->scores(records), text_weight, false});
  return fuse_scores(records, sides);
}

// The nearest `k` allowed rows and whatever ties with the last of them, with exact distances.
std::vector<Candidate> Searcher::nearest_rows(const Snapshot& snapshot, const Target& target, std::uint32_t k,
                                              const RowSet* allowed, const SearchRequest& request,
                                              SearchScratch& scratch, Explain* explain) const {
  // Whoever sets ef by hand needs no calibration.
  if (allowed == nullptr && !request.exact && request.ef == 0) state_.samples[target.space].offer(target.vector);
  Plan plan;
  plan.space = target.space;
  plan.exact = request.exact;
  plan.allowed = allowed;
  RowSet present;
  if (allowed != nullptr && snapshot.spaces[target.space].absent > 0) {
    present = with_vectors(snapshot, target.space, *allowed);
    plan.allowed = &present;
  }
  const std::uint32_t ef = effective_ef(snapshot, target.space, request, k);
  // Widen until the k-th result does not tie with the last candidate that was kept.
  for (std::uint64_t want = std::uint64_t{k} + kTieRoom;; want *= 2) {
    const auto limit =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(want, std::max<std::uint64_t>(1, snapshot.row_count)));
    plan.want = limit;
    plan.nearest = std::min(k, limit);
    // Room for ties costs no breadth, unless there are some.
    plan.ef = want == std::uint64_t{k} + kTieRoom ? std::max(ef, k) : std::max(ef, limit);
    std::vector<Candidate> exact = collect(snapshot, target.query, plan, scratch, explain);
    const bool tied = exact.size() == limit && exact.size() > k && limit < snapshot.row_count &&
                      exact.back().distance == exact[k - 1].distance;
    if (!tied) return exact;
  }
}

std::vector<Candidate> Searcher::collect(const Snapshot& snapshot, const Query& query, const Plan& plan,
                                         SearchScratch& scratch, Explain* explain) const {
  const std::uint32_t want = plan.want;
  const std::uint32_t ef = plan.ef;
  const std::uint32_t room = std::max(want, ef);
  const SpaceView space = snapshot.view(plan.space);
  const Index* const index = snapshot.spaces[plan.space].index.get();
  RowSelector selector;
  selector.sequence = snapshot.sequence;
  if (snapshot.dead_rows > 0) selector.deleted = &snapshot.generation->records.row_deleted();
  if (plan.allowed != nullptr) {
    selector.allowed = plan.allowed->words.data();
    selector.allowed_count = plan.allowed->count;
  }
  SearchCounters counted;
  SearchCounters* const counters = explain != nullptr ? &counted : nullptr;
  const Row indexed = snapshot.indexed_rows();
  std::vector<Candidate> candidates;
  Stopwatch watch(explain != nullptr);
  const Row vectors = snapshot.row_count - snapshot.spaces[plan.space].absent;
  if (plan.exact || indexed == 0 || std::uint64_t{room} * kScanShare > vectors) {
    exact_scan(space, query, want, selector, 0, snapshot.row_count, candidates, counters);
    watch.stop(explain, &Explain::index_us);
    note(explain, "scan", counted);
    return candidates;
  }
  RowSelector indexed_selector = selector;
  if (snapshot.dead_indexed == 0) indexed_selector.deleted = nullptr;
  const bool exact =
      index->search(space, query, SearchParams{want, ef}, indexed_selector, scratch, candidates, counters);
  watch.stop(explain, &Explain::index_us);
  note(explain, plan_name(*index, counted.plan), counted);
  if (snapshot.fresh_rows() > 0) {
    watch = Stopwatch(explain != nullptr);
    if (exact) {
      exact_scan(space, query, want, selector, indexed, snapshot.row_count, candidates, nullptr);
    } else {
      // Behind the worst of a full pool a fresh row cannot matter.
      TopCandidates fresh(room, candidates.size() >= room ? candidates.back().distance : HUGE_VALF);
      scan_codes(space, query, indexed, snapshot.row_count, selector, fresh);
      const std::vector<Candidate> found = fresh.take_sorted();
      candidates.insert(candidates.end(), found.begin(), found.end());
    }
    watch.stop(explain, &Explain::fresh_us);
    if (explain != nullptr) explain->fresh_rows = snapshot.fresh_rows();
  }
  // Looked up when they are ranked: on their way while they are measured or sorted.
  const std::size_t likely = std::min<std::size_t>(candidates.size(), plan.nearest);
  for (std::size_t i = 0; i < likely; ++i) snapshot.generation->records.prefetch_newest(candidates[i].row);
  if (!exact) {
    watch = Stopwatch(explain != nullptr);
    const std::size_t measured = rerank(space, query, plan.nearest, candidates, want - plan.nearest);
    watch.stop(explain, &Explain::rerank_us);
    if (explain != nullptr) explain->reranked += measured;
    return candidates;
  }
  std::sort(candidates.begin(), candidates.end(), nearer);
  if (candidates.size() > want) candidates.resize(want);
  return candidates;
}

}  // namespace sagedb
