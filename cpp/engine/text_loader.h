// Reads the words of the items that an open found, while reads and writes go on.
//
// 1. From a snapshot on, tombstones are noted; its live records are indexed. 2. What was written meanwhile is indexed and what died is buried, in
// rounds, until little is left. 3. Under the writer mutex: the rest, and one publication from which on commits keep the index.
//
// Thread safety: run() on the maintenance thread only.
#pragma once

#include <memory>
#include <vector>

#include "engine/change_feed.h"

namespace sagedb {

class TextLoader {
 public:
  TextLoader(EngineState& state, const CancelToken* cancel) : state_(state), cancel_(cancel) {}
  // Throws ABORTED, OUT_OF_MEMORY, CORRUPTION (the metadata of a live item is no JSON); nothing is published then.
  void run();

 private:
  void add(const Snapshot& now);
  void bury(const Snapshot& now, const ChangeFeed::Deletions& deletions);

  EngineState& state_;
  const CancelToken* const cancel_;
  std::shared_ptr<const Snapshot> base_;
  std::shared_ptr<TextIndex> index_;
  TextTotals totals_;
  RecordNo records_ = 0;  // indexed
};

}  // namespace sagedb
