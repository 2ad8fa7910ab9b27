// External id -> newest record. Open addressing with linear probing over 8-byte slots (record number + 32 bits of the hash); the id itself
// is read from the record, so a slot costs 8 bytes whatever the id's length. 64 shards, so that growing one
// re-hashes a sixty-fourth of the map.
//
// Thread safety: none of its own; guarded by the store's shared mutex.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "store/external_id.h"
#include "store/record_store.h"

namespace sagedb {

class IdMap {
 public:
  // Newest record of `id`, or kNoRecord.
  RecordNo find(const IdView& id, const RecordStore& records) const noexcept;
  // Room for `ids` inserts, so that they cannot throw. Throws OUT_OF_MEMORY.
  void reserve(const std::vector<IdView>& ids);
  // Inserts or replaces. Requires reserve() when the id is new. Cannot throw.
  void put(const IdView& id, RecordNo r, const RecordStore& records) noexcept;
  bool erase(const IdView& id, const RecordStore& records) noexcept;
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
  static void grow(Shard& shard, std::size_t want);
  std::array<Shard, 64> shards_;
  std::size_t size_ = 0;
};

}  // namespace sagedb
