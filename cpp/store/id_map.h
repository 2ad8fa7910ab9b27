// External id -> newest record. Ids of a database that was opened are found in tables read in place (see id_table.h); what was written since stands in memory
// before them. Open addressing with linear probing over 8-byte slots (record number + 32 bits of the hash); the id itself
// is read from the record, so a slot costs 8 bytes whatever the id's length. 64 shards, so that growing one
// re-hashes a sixty-fourth of the map.
//
// Thread safety: none of its own; guarded by the store's shared mutex.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "store/external_id.h"
#include "store/id_table.h"
#include "store/record_store.h"

namespace sagedb {

class IdMap {
 public:
  IdMap() = default;
  // `tables`: oldest first; together they cover the records [0, base_records).
  IdMap(std::vector<IdTable> tables, RecordNo base_records) : tables_(std::move(tables)), base_records_(base_records) {}

  // Newest record of `id`, or kNoRecord.
  RecordNo find(const IdView& id, const RecordStore& records) const noexcept;
  // Room for `ids` inserts, so that they cannot throw. Throws OUT_OF_MEMORY.
  void reserve(const std::vector<IdView>& ids);
  // Whether put() of an id whose newest record is `newest` needs room: it stands in no place of its own in memory.
  bool needs_room(RecordNo newest) const noexcept { return newest == kNoRecord || newest < base_records_; }
  // Inserts or replaces. Requires reserve() when needs_room(). Cannot throw.
  void put(const IdView& id, RecordNo r, const RecordStore& records) noexcept;
  // Before the record gets its tombstone, which is what hides an id of the tables. False when the id is not in memory.
  bool erase(const IdView& id, const RecordStore& records) noexcept;
  // Ids in memory.
  std::size_t size() const noexcept { return size_; }
  std::size_t bytes() const noexcept;

 private:
  struct Slot {
    std::uint32_t tag;
    RecordNo record;  // kNoRecord: empty
  };
  struct Shard {
    std::vector<Slot> slots;  // power of two, or empty
    std::size_t used = 0;
  };
  RecordNo find_in_memory(const IdView& id, std::uint64_t hash, const RecordStore& records) const noexcept;
  static void grow(Shard& shard, std::size_t want);
  std::array<Shard, 64> shards_;
  std::size_t size_ = 0;
  std::vector<IdTable> tables_;
  RecordNo base_records_ = 0;
};

}  // namespace sagedb
