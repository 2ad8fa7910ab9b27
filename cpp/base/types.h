// Names shared by every layer of the engine. No behaviour lives here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace sagedb {

// Internal number of a stored vector inside one store generation. Rows are handed out in commit order and never
// reused, so «committed at or before snapshot S» is the prefix test `row < S.row_count`.
using Row = std::uint32_t;
inline constexpr Row kNoRow = std::numeric_limits<Row>::max();

// Internal number of one version of an item (id + metadata + row) inside one store generation; also a commit-order prefix.
using RecordNo = std::uint32_t;
inline constexpr RecordNo kNoRecord = std::numeric_limits<RecordNo>::max();

// Commit sequence number of the database: every acknowledged mutation gets the next one; never decreases.
using Sequence = std::uint64_t;
// A tombstone is the sequence that deleted something, which is at least 1; memory that was never written says «never».
inline constexpr Sequence kNever = 0;
inline constexpr bool lives_at(Sequence deleted, Sequence at) noexcept { return deleted - 1 >= at; }

// Number of a vector space of the database: one, or the named ones in the order of their definition.
using SpaceNo = std::uint32_t;
inline constexpr SpaceNo kMaxSpaces = 32;

enum class Metric : std::uint8_t { l2 = 0, ip = 1, cosine = 2 };
enum class VectorType : std::uint8_t { float32 = 0, float16 = 1 };
enum class IndexKind : std::uint8_t { automatic = 0, flat = 1, hnsw = 2 };
enum class Quantization : std::uint8_t { automatic = 0, none = 1, sq8 = 2 };
enum class Durability : std::uint8_t { memory = 0, async = 1, fsync = 2 };

// Internally every metric is a distance, smaller is nearer: l2 -> squared Euclidean, ip and cosine -> negative dot
// product (cosine stores unit vectors). Scores exist at the API edge only; see engine/result_merger.h.
struct Candidate {
  float distance;
  Row row;
};

// An object, not a function: the standard algorithms inline it.
struct Nearer {
  bool operator()(const Candidate& a, const Candidate& b) const noexcept {
    return a.distance != b.distance ? a.distance < b.distance : a.row < b.row;
  }
};
inline constexpr Nearer nearer{};

}  // namespace sagedb
