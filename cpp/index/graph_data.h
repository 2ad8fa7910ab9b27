// The arrays of an HNSW graph, as the builder fills them and as the frozen index reads them.
//
// Level 0 has a place for every row: `width` neighbor slots per row, row-major, terminated by kNoRow when not full. Upper levels are small and
// dense: a node of level l > 0 is a local number with its row, its local number one level below and M local neighbors.
// Everything is plain numbers, so a clone is a few memcpys.
//
// Thread safety: none of its own. The builder writes links under its row locks with atomic stores and reads them with
// relaxed atomic loads; a frozen graph is never written.
// Level 0 may be read in place from a mapped segment whose checksums are verified later (before a builder clones it): searches take a number
// that is not a row for the end of a list.
// Invariants: parent(entry) is kNoRow; every other row that has a vector is in the level-0 list of its parent, and following parents leads to the entry
// (docs/decisions/0004-spanning-tree.md). The entry is node 0 of the top level.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/memory.h"
#include "base/types.h"
#include "index/link_history.h"
#include "index/measure.h"
#include "kernels/prefetch.h"

namespace sagedb {

// Rows carry a «checked» bit in candidate keys, which leaves 31 bits.
inline constexpr Row kMaxGraphRows = (Row{1} << 31) - 1;

inline Row load_link(const Row* slot) noexcept { return __atomic_load_n(slot, __ATOMIC_RELAXED); }
inline void store_link(Row* slot, Row value) noexcept { __atomic_store_n(slot, value, __ATOMIC_RELEASE); }

// Level-0 links and parents: in page-backed memory with spare capacity, or read in place.
class LinkTable {
 public:
  explicit LinkTable(std::uint32_t width = 0) : width_(width) {}
  // Reads both arrays where they stand, in memory that `owner` keeps. Such a table has no capacity and is never written.
  LinkTable(std::uint32_t width, const void* links, const void* parents, std::shared_ptr<const void> owner);
  ~LinkTable();
  LinkTable(LinkTable&& other) noexcept;
  LinkTable& operator=(LinkTable&& other) noexcept;

  std::uint32_t width() const noexcept { return width_; }
  Row capacity() const noexcept { return capacity_; }
  // Makes room for `rows` without keeping the content. Throws OUT_OF_MEMORY and changes nothing.
  void reset(Row rows);
  // Copies rows [0, rows) of `other`, which has the same width; needs the capacity.
  void copy_from(const LinkTable& other, Row rows, int threads);
  // The same for a table that holds an older graph: copies only what changed since, as `history` of the other says.
  void catch_up(const LinkTable& other, const LinkHistory& history, const LinkHistory& older, Row rows, int threads);
  // Makes the lists of rows [first, last) empty and their parents kNoRow.
  void clear(Row first, Row last) noexcept;

  Row* links(Row r) noexcept { return links_ + std::size_t{r} * width_; }
  const Row* links(Row r) const noexcept { return links_ + std::size_t{r} * width_; }
  Row* parent(Row r) noexcept { return parents_ + r; }
  const Row* parent(Row r) const noexcept { return parents_ + r; }
  // Resident bytes of `rows` rows.
  std::size_t bytes(Row rows) const noexcept { return std::size_t{rows} * (width_ + 1) * sizeof(Row); }

 private:
  std::size_t link_bytes() const noexcept { return std::size_t{capacity_} * width_ * sizeof(Row); }
  std::size_t parent_bytes() const noexcept { return std::size_t{capacity_} * sizeof(Row); }
  void release() noexcept;

  std::uint32_t width_ = 0;
  Row capacity_ = 0;
  Row* links_ = nullptr;
  Row* parents_ = nullptr;
  std::shared_ptr<const void> owner_;  // of a table that is read in place
};

struct UpperLevel {
  std::vector<Row> row;  // ascending
  std::vector<std::uint32_t> down;  // local number one level below; the row itself when that is level 0
  std::vector<std::uint32_t> links;  // M per node, terminated by kNoRow
};

// Rows search for themselves again, in turn, because what is inserted later takes paths away from them. Not stored but for `next`.
struct OldChecks {
  Row next = 0;  // who is next
  Row grown = 0;  // rows inserted since a whole turn was last called for
  Row owed = 0;  // rows that are left of that turn
  Row mended = 0;  // rows that it found missing
  int again = 0;  // turns since then that followed because of that
};

struct GraphData {
  std::uint32_t M = 16;
  Row rows = 0;
  Row absent = 0;  // rows without a vector: no links, no parent, on no upper level, and nobody links to them
  Row entry = kNoRow;
  LinkTable base;
  LinkHistory history;  // of base; empty where the graph did not grow here
  std::vector<UpperLevel> upper;  // upper[0] is level 1
  EarlyStop stop;  // of the codes of these rows; see index/early_stop.h
  OldChecks old;
  std::vector<Row> fragile;  // rows that hardly any neighbor links back to: growth looks after them in turn

  explicit GraphData(std::uint32_t m) : M(m), base(static_cast<std::uint32_t>(round_up(2 * m, 16))) {}
  Row nodes() const noexcept { return rows - absent; }
  std::uint32_t max_links() const noexcept { return 2 * M; }
  // Children that one row takes: enough for any tree, few enough that the other slots stay free for the heuristic.
  std::uint32_t max_children() const noexcept { return M / 2; }
  std::size_t bytes() const noexcept;
};

// Highest level of a row: geometric with 1/ln(M), a function of seed and row only.
int draw_level(std::uint64_t seed, Row row, std::uint32_t M) noexcept;

// One level as searches see it: how many nodes it has, `links` of a node, the row behind it, and where its list begins for prefetching.
struct BaseLevelView {
  const LinkTable* table;
  Row rows;
  std::uint32_t nodes() const noexcept { return rows; }
  std::uint32_t width() const noexcept { return table->width(); }
  const Row* links(std::uint32_t node) const noexcept { return table->links(node); }
  void prefetch(std::uint32_t node) const noexcept {
    const auto* p = reinterpret_cast<const char*>(table->links(node));
    for (std::size_t b = 0; b < std::size_t{table->width()} * sizeof(Row); b += kCacheLine) prefetch_line(p + b);
  }
  const Row* rows_of(const std::uint32_t* nodes, std::size_t, Row*) const noexcept { return nodes; }
};

struct UpperLevelView {
  const UpperLevel* level;
  std::uint32_t M;
  std::uint32_t nodes() const noexcept { return static_cast<std::uint32_t>(level->row.size()); }
  std::uint32_t width() const noexcept { return M; }
  const std::uint32_t* links(std::uint32_t node) const noexcept { return level->links.data() + std::size_t{node} * M; }
  void prefetch(std::uint32_t node) const noexcept { prefetch_line(links(node)); }
  const Row* rows_of(const std::uint32_t* nodes, std::size_t count, Row* out) const noexcept {
    for (std::size_t i = 0; i < count; ++i) out[i] = level->row[nodes[i]];
    return out;
  }
};

}  // namespace sagedb
