#include "engine/build_scheduler.h"

#include <algorithm>

#include "engine/recall_calibrator.h"

namespace sagedb {
namespace {

constexpr Row kMinStep = 4096;
constexpr Row kFreshFloor = 50000;
constexpr Row kSearchedFloor = 1000;
// While searches come in, an index grows as soon as this part of the threshold is fresh: they scan what is fresh, and a step costs little
// more than its insertions.
constexpr Row kSearchedPart = 4;
// Tombstones per hundred rows that start a compaction by themselves.
constexpr std::uint64_t kDeadPercent = 20;
constexpr std::uint64_t kSampleGrowth = 4;

bool wants_calibration(const Snapshot& snapshot, SpaceNo s, std::uint32_t dimension, std::uint64_t sampled) noexcept {
  const RecallTable* recall = snapshot.spaces[s].recall.get();
  if (sampled < kFirstCalibration) return false;
  if (recall == nullptr) return true;
  if (snapshot.indexed_rows() > recall->rows() + recall->rows() / 4) return true;
  // A sample so much larger that all calibrations together cost little more than the last.
  const std::uint64_t most = calibration_queries(snapshot.row_count, dimension);
  const std::uint64_t used = recall->queries();
  return used < most && sampled >= std::min(used * kSampleGrowth, most);
}

// Fresh rows that start a build.
Row due_rows(const Snapshot& snapshot, const Options& options, bool searching) noexcept {
  const Row threshold = options.rebuild_threshold;
  return searching && snapshot.indexed_rows() > 0 ? std::max<Row>(1, threshold / kSearchedPart) : threshold;
}

}  // namespace

SpaceNo calibration_due(const Snapshot& snapshot, const Options& options, const WorkRequests& requests) noexcept {
  const auto count = static_cast<SpaceNo>(snapshot.spaces.size());
  if (options.index.kind == IndexKind::flat || requests.calibration_paused) return count;
  for (SpaceNo s = 0; s < count; ++s)
    if (snapshot.spaces[s].index && wants_calibration(snapshot, s, options.spaces[s].dimension, requests.sampled[s]))
      return s;
  return count;
}

Work choose_work(const Snapshot& snapshot, const Options& options, const WorkRequests& requests) noexcept {
  // Explicit requests first, in the order that makes the compaction's graph complete.
  if (requests.build_target > snapshot.indexed_sequence && snapshot.fresh_rows() > 0) return Work::build;
  if (requests.compact && snapshot.dead_records() > 0) return Work::compact;
  if (requests.tidy && snapshot.unchecked_rows() > 0) return Work::tidy;
  if (snapshot.row_count < requests.retry_rows && !requests.writers_wait) return Work::none;
  // Before a build, which would have to link the dead as well: writers who replace the same items faster than builds come to an end would never leave
  // a compaction its turn.
  const bool mostly_dead = snapshot.dead_rows >= options.rebuild_threshold && snapshot.dead_rows > snapshot.live_count;
  if (mostly_dead) return Work::compact;
  if (snapshot.fresh_rows() >= due_rows(snapshot, options, !requests.idle)) return Work::build;
  const bool many_dead = snapshot.dead_rows >= options.rebuild_threshold &&
                         std::uint64_t{snapshot.dead_rows} * 100 > std::uint64_t{snapshot.row_count} * kDeadPercent;
  // Updates of metadata leave records behind, but no rows.
  const bool many_versions =
      snapshot.dead_records() >= options.rebuild_threshold && snapshot.dead_records() > snapshot.live_count;
  if (many_dead || many_versions) return Work::compact;
  if (requests.idle && snapshot.unchecked_rows() > 0) return Work::tidy;
  return calibration_due(snapshot, options, requests) < snapshot.spaces.size() ? Work::calibrate : Work::none;
}

Row build_target_rows(const Snapshot& snapshot, const Options& options, bool searching) noexcept {
  const Row indexed = snapshot.indexed_rows();
  // Cloning the links of 64 rows costs a small part of inserting one.
  const Row step = searching ? std::max(indexed / 64, options.rebuild_threshold * 2)
                             : std::max({kMinStep, indexed / 2, options.rebuild_threshold * 4});
  return indexed + std::min(snapshot.fresh_rows(), step);
}

Row fresh_limit(const Options& options, bool searching) noexcept {
  const std::uint64_t threshold = options.rebuild_threshold;
  if (searching)
    return static_cast<Row>(std::max<std::uint64_t>(kSearchedFloor, std::min<std::uint64_t>(threshold, 1u << 30)));
  return static_cast<Row>(std::max<std::uint64_t>(kFreshFloor, std::min<std::uint64_t>(threshold * 50, 1u << 30)));
}

}  // namespace sagedb
