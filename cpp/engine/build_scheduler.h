// When to work in the background, and how much. Pure decisions: no locks, no state.
#pragma once

#include <array>

#include "engine/sage_db.h"
#include "engine/snapshot.h"

namespace sagedb {

// tidy: old rows of the index are checked for being findable.
enum class Work : std::uint8_t { none, build, compact, tidy, calibrate };

struct WorkRequests {
  Sequence build_target = 0;    // index everything committed at or before it (explicit buildIndex())
  bool compact = false;         // explicit optimize()
  bool idle = false;            // nobody searches: time for what can wait
  bool tidy = false;            // an optimize() waits for the check of old rows
  Row retry_rows = 0;           // after a failure: no automatic work before the database has this many rows
  bool writers_wait = false;    // back-pressure holds writers: nothing but work lets them go on
  std::array<std::uint64_t, kMaxSpaces> sampled{};  // different queries in the sample, by space
  bool calibration_paused = false;  // one was interrupted a moment ago
};

Work choose_work(const Snapshot& snapshot, const Options& options, const WorkRequests& requests) noexcept;
// The first space whose calibration is due; the number of spaces when none is.
SpaceNo calibration_due(const Snapshot& snapshot, const Options& options, const WorkRequests& requests) noexcept;

// Row count that the next build should reach: at most as many new rows as half the index (so that a bulk load costs O(log n) clones
// of the link arrays), but enough for a useful step. While searches come in the steps are short, because every search scans the rows
// that are not in the index yet.
Row build_target_rows(const Snapshot& snapshot, const Options& options, bool searching) noexcept;

// Old rows that one tidying checks: bounds how long a build waits for it.
inline constexpr std::size_t kTidyRows = std::size_t{1} << 15;

// Queries that a first calibration needs; it is repeated when the sample or the index has grown.
inline constexpr std::uint64_t kFirstCalibration = 128;

// Fresh rows beyond which writers wait for the builder. While searches come in, the tail is kept so short that scanning it costs about
// as much as the graph search; a load that nobody searches may run further ahead.
Row fresh_limit(const Options& options, bool searching) noexcept;

}  // namespace sagedb
