// What one search reads: a moment of the database in a handful of numbers and pointers. Immutable.
#pragma once

#include <memory>

#include "engine/generation.h"
#include "engine/recall_table.h"
#include "index/index.h"
#include "text/text_index.h"

namespace sagedb {

struct Snapshot {
  Sequence sequence = 0;         // last commit that is visible
  Sequence indexed_sequence = 0; // every row committed at or before it is in `index`
  std::uint64_t version = 0;     // index version: rises with every index or generation switch
  Row row_count = 0;
  RecordNo record_count = 0;
  std::uint64_t live_count = 0;
  Row dead_rows = 0;             // tombstoned rows below row_count
  Row dead_indexed = 0;          // tombstoned rows below indexed_rows()
  TextTotals text;               // of the live items, by text field; empty without text_index
  std::shared_ptr<TextIndex> text_index;  // null: the words of what an open found are still being read
  std::shared_ptr<Generation> generation;
  std::shared_ptr<CodeStore> codes;    // null before the first build and with quantization 'none'
  std::shared_ptr<const Index> index;  // null before the first build
  std::shared_ptr<const RecallTable> recall;  // null before the first calibration

  Row indexed_rows() const noexcept { return index ? index->rows() : 0; }
  Row fresh_rows() const noexcept { return row_count - indexed_rows(); }
  SpaceView space(Metric metric) const noexcept { return SpaceView{&generation->vectors, codes.get(), metric}; }
};

}  // namespace sagedb
