// What a database is opened with.
//
// Thread safety: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "base/types.h"
#include "index/index.h"

namespace sagedb {

// One space of the vectors of a database.
struct SpaceSpec {
  std::string name;  // empty: the only space of a database without names
  std::uint32_t dimension = 0;  // 1 .. 65536
  Metric metric = Metric::cosine;
  bool open_metric = false;  // left open: what an existing path has stored
};

// Spaces of an item or a request: bit s for space s.
using SpaceSet = std::uint32_t;
static_assert(kMaxSpaces <= 32, "a set has a bit for every space");
inline constexpr bool holds(SpaceSet set, SpaceNo space) noexcept { return ((set >> space) & 1) != 0; }

struct Options {
  std::uint32_t dimension = 0;  // 1 .. 65536; with named spaces the sum of theirs
  Metric metric = Metric::cosine;  // with named spaces that of the first
  // Named spaces. Empty: one space of the dimension and metric above; resolved() then makes it explicit.
  std::vector<SpaceSpec> spaces;
  VectorType vectors = VectorType::float32;
  IndexConfig index;
  Quantization quantization = Quantization::automatic;
  std::uint32_t rebuild_threshold = 1000;  // fresh rows that start a background build
  int threads = 0;  // 0: every processor this process may use
  std::string path;  // empty: in memory
  Durability durability = Durability::fsync;
  bool read_only = false;
  std::vector<std::string> text_fields;  // paths of the metadata that full-text search covers; distinct
  // Left open: what an existing path has stored. A dimension of 0 and no spaces are left open, too.
  bool open_metric = false, open_vectors = false, open_index = false, open_M = false, open_text_fields = false;
  std::uint64_t checkpoint_bytes = std::uint64_t{64} << 20;  // log that starts a checkpoint, at least
  Env* env = nullptr;  // null: the operating system's files
  // Of the mapped segments, how much may be moved into memory of the process; none: a quarter of what the system has available.
  std::optional<std::uint64_t> hot_memory;
  bool background_check = true;  // false: blocks are checked when a checkpoint or a build needs it

  bool named() const noexcept { return !spaces.empty() && !spaces.front().name.empty(); }
  SpaceNo space_count() const noexcept { return static_cast<SpaceNo>(spaces.size()); }
  // All spaces of the database as a set.
  SpaceSet all_spaces() const noexcept { return static_cast<SpaceSet>((std::uint64_t{1} << spaces.size()) - 1); }
  // Components of an item that has these spaces.
  std::size_t components(SpaceSet set) const noexcept;
};

// The options with `spaces` filled in, and `dimension` and `metric` after them.
Options resolved(Options options);
// Throws INVALID_ARGUMENT naming the field, what was expected and what came.
void check_spaces(const Options& options);
// «vector 3», or «vector 3, space 'title'».
std::string vector_name(const Options& options, std::size_t row, SpaceNo space);

}  // namespace sagedb
