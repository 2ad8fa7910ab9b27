// What one search reads: a moment of the database in a handful of numbers and pointers. Immutable.
#pragma once

#include <algorithm>
#include <memory>

#include "engine/generation.h"
#include "engine/recall_table.h"
#include "index/index.h"
#include "store/presence.h"
#include "text/text_index.h"

namespace sagedb {

// What depends on distances: one per space of the database.
struct SpaceState {
  std::shared_ptr<CodeStore> codes;    // null before the first build and with quantization 'none'
  std::shared_ptr<const Index> index;  // null before the first build
  std::shared_ptr<const RecallTable> recall;  // null before the first calibration
  std::shared_ptr<Presence> present;   // null: every row has a vector; replaced when it is full
  Row absent = 0;                      // rows below row_count without a vector
};

struct Snapshot {
  Sequence sequence = 0;         // last commit that is visible
  Sequence indexed_sequence = 0; // every row committed at or before it is in the indexes
  std::uint64_t version = 0;     // index version: rises with every index or generation switch
  Row row_count = 0;
  RecordNo record_count = 0;
  std::uint64_t live_count = 0;
  Row dead_rows = 0;             // tombstoned rows below row_count
  Row dead_indexed = 0;          // tombstoned rows below indexed_rows()
  TextTotals text;               // of the live items, by text field; empty without text_index
  std::shared_ptr<TextIndex> text_index;  // null: the words of what an open found are still being read
  std::shared_ptr<Generation> generation;
  // Indexes cover the same rows: one job builds all of them, and one publication installs them.
  std::vector<SpaceState> spaces = std::vector<SpaceState>(1);

  Row indexed_rows() const noexcept { return spaces[0].index ? spaces[0].index->rows() : 0; }
  std::uint64_t dead_records() const noexcept { return record_count - live_count; }
  Row fresh_rows() const noexcept { return row_count - indexed_rows(); }
  // See Index::unchecked().
  Row unchecked_rows() const noexcept {
    Row most = 0;
    for (const SpaceState& space : spaces) most = std::max(most, space.index ? space.index->unchecked() : 0);
    return most;
  }
  SpaceView view(SpaceNo s) const noexcept {
    const VectorColumn& column = generation->columns[s];
    const SpaceState& space = spaces[s];
    return SpaceView{&column.vectors, space.codes.get(), column.metric,
                     space.absent > 0 ? space.present->words() : nullptr};
  }
  bool has(SpaceNo s, Row row) const noexcept { return spaces[s].absent == 0 || spaces[s].present->has(row); }
  // The spaces in which a row has a vector.
  SpaceSet spaces_of(Row row) const noexcept {
    SpaceSet set = 0;
    for (SpaceNo s = 0; s < spaces.size(); ++s) set |= SpaceSet{has(s, row)} << s;
    return set;
  }
  bool has_indexes_of(const Snapshot& other) const noexcept {
    for (SpaceNo s = 0; s < spaces.size(); ++s)
      if (spaces[s].index != other.spaces[s].index || spaces[s].codes != other.spaces[s].codes) return false;
    return true;
  }
  void drop_indexes() noexcept {
    for (SpaceState& space : spaces) space.index.reset(), space.codes.reset();
  }
};

}  // namespace sagedb
