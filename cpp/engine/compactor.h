// Makes a new store generation without the tombstones, while reads and writes go on.
//
// 1. Under the writer mutex: start journalling tombstones, take a snapshot. 2. Copy its live rows in order, cut and repair the graph.
// 3. Replay what was written meanwhile, in rounds, until little is left. 4. Under writer mutex and store lock: replay the rest,
// switch generation, id map and index in one publication.
//
// Thread safety: run() on the maintenance thread only.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "engine/change_feed.h"

namespace sagedb {

class Compactor {
 public:
  // `publishing` is called right before the publication, so that who sees the new generation finds it counted. Must not throw.
  Compactor(EngineState& state, const BuildContext& context, std::function<void()> publishing)
      : state_(state), context_(context), publishing_(std::move(publishing)) {}
  // Throws ABORTED, OUT_OF_MEMORY; the current generation then stays in service unchanged.
  void run();

 private:
  void make_room();
  void copy_live_rows();
  void cut_index();
  void replay_changes(const Snapshot& now, const ChangeFeed::Deletions& deletions);
  void replay_record(const Snapshot& now, RecordNo r);
  void replay_deletion(const Snapshot& now, const ChangeJournal::Entry& entry);
  void append(const Snapshot& from, RecordNo r, bool new_row);
  void copy_vectors(const Snapshot& from, Row old_row, Row row);
  void make_codes(SpaceNo space);
  void switch_generation(const Snapshot& now) REQUIRES(state_.writer_mutex) EXCLUDES(state_.store_mutex);

  EngineState& state_;
  const BuildContext context_;
  const std::function<void()> publishing_;

  std::shared_ptr<const Snapshot> base_;
  std::shared_ptr<Generation> generation_;
  std::shared_ptr<TextIndex> text_;
  TextTotals text_totals_;
  std::vector<SpaceState> spaces_;
  IdMap ids_;
  std::vector<Row> row_map_;  // old row -> new row
  std::vector<RecordNo> record_map_;  // old record -> new record
  Row live_ = 0;  // rows of the base that are copied
  std::vector<std::shared_ptr<std::byte>> codes_room_;  // by space; null: in memory
  Row rows_ = 0;
  RecordNo records_ = 0;
  Row dead_rows_ = 0;
};

}  // namespace sagedb
