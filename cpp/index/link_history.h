// Which rows of level 0 changed in which growth of a graph: brings an older copy of the links up to date by copying those rows only.
//
// Thread safety: note() from any thread; everything else by one thread, and never while the graph is being built.
#pragma once

#include <cstdint>
#include <vector>

#include "base/types.h"

namespace sagedb {

class LinkHistory {
 public:
  // A graph of which nothing older is known.
  void start(Row rows);
  // The graph that grows out of the one with history `base`, to `rows` rows.
  void follow(const LinkHistory& base, Row rows);

  // The list or the parent of a row changes.
  void note(Row r) noexcept {
    if (r < changed_.size()) __atomic_store_n(&changed_[r], static_cast<std::uint8_t>(step()), __ATOMIC_RELAXED);
  }
  bool descends_from(const LinkHistory& older) const noexcept;
  // Whether the row is another, or not there, in an older graph of this history.
  bool changed_since(const LinkHistory& older, Row r) const noexcept {
    return r >= older.changed_.size() || changed_[r] > older.step();
  }
  std::size_t bytes() const noexcept { return changed_.capacity() + graphs_.capacity() * sizeof(std::uint64_t); }

 private:
  std::size_t step() const noexcept { return graphs_.size(); }

  std::vector<std::uint64_t> graphs_;  // this one last, and those it grew out of; every graph has a number of its own
  std::vector<std::uint8_t> changed_;  // by row: the step that changed it last, 0 for the first
};

}  // namespace sagedb
