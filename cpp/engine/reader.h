// Look-ups by id and walks over items.
//
// Thread safety: const and re-entrant. Look-ups by id hold the store lock shared for the id map only and take their snapshot under it, so
// that id map and snapshot agree; everything else is read from the snapshot.
#pragma once

#include <optional>
#include <vector>

#include "engine/cursor.h"
#include "engine/engine_state.h"
#include "engine/row_set.h"

namespace sagedb {

class Reader {
 public:
  explicit Reader(EngineState& state) : state_(state) {}
  std::vector<std::optional<Item>> get(const std::vector<ExternalId>& ids, bool include_metadata,
                                       bool include_vector) const;
  std::vector<bool> has(const std::vector<ExternalId>& ids) const;
  std::shared_ptr<Cursor> open(const FindRequest& request) const;
  std::vector<Item> next(Cursor& cursor, std::uint64_t count, bool include_vector) const;
  // Items in the order of their newest write.
  std::vector<Item> find(const Filter* filter, std::uint64_t limit, std::uint64_t offset, bool include_vector) const;
  std::size_t id_bytes() const;

 private:
  Item read(const Snapshot& snapshot, RecordNo r, bool include_metadata, bool include_vector) const;

  EngineState& state_;
};

}  // namespace sagedb
