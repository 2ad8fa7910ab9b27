// The ids of a range of records as an immutable hash table that is read in place from an IDMP segment.
//
// Open addressing with linear probing over 8-byte slots; the ids themselves are read from the records. A table lists every id that was alive when it was
// made. What was deleted since is recognised by its tombstone, so a table never changes: at any time at most one record of an id is alive.
// Thread safety: immutable; a look-up needs the tombstones to stand still (the store's shared mutex).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "store/record_store.h"

namespace sagedb {

struct IdSlot {
  std::uint32_t tag;  // low half of the id's hash
  RecordNo record;  // kNoRecord: empty
};
static_assert(sizeof(IdSlot) == 8, "slots are read in place from files");

class IdTable {
 public:
  IdTable(const void* slots, std::uint64_t capacity, RecordNo first, RecordNo end, std::shared_ptr<const void> owner)
      : slots_(static_cast<const IdSlot*>(slots)),
        capacity_(capacity),
        first_(first),
        end_(end),
        owner_(std::move(owner)) {}

  // The record among first .. end - 1 that has the id and is alive, or kNoRecord. Damaged slots are passed over.
  RecordNo find(const IdView& id, std::uint64_t hash, const RecordStore& records) const noexcept;

  // Slots for the records of [first, end) that are alive at `at`: half as many again as records. Throws OUT_OF_MEMORY.
  static std::vector<IdSlot> slots_of(const RecordStore& records, RecordNo first, RecordNo end, Sequence at);

 private:
  const IdSlot* const slots_;
  const std::uint64_t capacity_;
  const RecordNo first_, end_;
  const std::shared_ptr<const void> owner_;
};

}  // namespace sagedb
