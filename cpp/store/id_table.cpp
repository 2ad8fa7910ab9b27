#include "store/id_table.h"

#include <limits>

namespace sagedb {
namespace {

constexpr Sequence kNow = std::numeric_limits<Sequence>::max();

std::uint64_t home(std::uint32_t tag, std::uint64_t capacity) noexcept {
  return (std::uint64_t{tag} * 0x9e3779b1u & 0xffffffffu) * capacity >> 32;
}

}  // namespace

RecordNo IdTable::find(const IdView& id, std::uint64_t hash, const RecordStore& records) const noexcept {
  if (capacity_ == 0) return kNoRecord;
  const auto tag = static_cast<std::uint32_t>(hash);
  std::uint64_t i = home(tag, capacity_);
  for (std::uint64_t probes = 0; probes < capacity_; ++probes) {
    const IdSlot slot = slots_[i];
    if (slot.record == kNoRecord) return kNoRecord;
    const bool candidate = slot.tag == tag && slot.record >= first_ && slot.record < end_;
    if (candidate && records.live(slot.record, kNow) && records.id(slot.record) == id) return slot.record;
    if (++i == capacity_) i = 0;
  }
  return kNoRecord;
}

std::vector<IdSlot> IdTable::slots_of(const RecordStore& records, RecordNo first, RecordNo end, Sequence at) {
  std::uint64_t live = 0;
  for (RecordNo r = first; r < end; ++r) live += records.live(r, at) ? 1 : 0;
  const std::uint64_t capacity = live + live / 2 + 1;
  std::vector<IdSlot> slots(capacity, IdSlot{0, kNoRecord});
  for (RecordNo r = first; r < end; ++r) {
    if (!records.live(r, at)) continue;
    const auto tag = static_cast<std::uint32_t>(hash_id(records.id(r)));
    std::uint64_t i = home(tag, capacity);
    while (slots[i].record != kNoRecord)
      if (++i == capacity) i = 0;
    slots[i] = IdSlot{tag, r};
  }
  return slots;
}

}  // namespace sagedb
