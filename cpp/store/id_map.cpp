#include "store/id_map.h"

namespace sagedb {
namespace {

std::size_t shard_of(std::uint64_t hash) noexcept { return hash >> 58; }
std::uint32_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash); }

// Slot position from the tag alone, so that growing a shard does not read the records.
std::size_t position(std::uint32_t tag, std::size_t mask) noexcept {
  return static_cast<std::size_t>(tag * 0x9e3779b1u) & mask;
}

}  // namespace

RecordNo IdMap::find(const IdView& id, const RecordStore& records) const noexcept {
  const std::uint64_t hash = hash_id(id);
  const RecordNo own = find_in_memory(id, hash, records);
  if (own != kNoRecord) return own;
  for (auto table = tables_.rbegin(); table != tables_.rend(); ++table) {
    const RecordNo r = table->find(id, hash, records);
    if (r != kNoRecord) return r;
  }
  return kNoRecord;
}

RecordNo IdMap::find_in_memory(const IdView& id, std::uint64_t hash, const RecordStore& records) const noexcept {
  const Shard& shard = shards_[shard_of(hash)];
  if (shard.slots.empty()) return kNoRecord;
  const std::size_t mask = shard.slots.size() - 1;
  const std::uint32_t tag = tag_of(hash);
  for (std::size_t i = position(tag, mask);; i = (i + 1) & mask) {
    const Slot& slot = shard.slots[i];
    if (slot.record == kNoRecord) return kNoRecord;
    if (slot.tag == tag && records.id(slot.record) == id) return slot.record;
  }
}

void IdMap::grow(Shard& shard, std::size_t want) {
  // At most 3/4 full.
  std::size_t capacity = shard.slots.empty() ? 8 : shard.slots.size();
  while (capacity * 3 / 4 < want) capacity *= 2;
  if (capacity == shard.slots.size()) return;
  std::vector<Slot> next(capacity, Slot{0, kNoRecord});
  const std::size_t mask = capacity - 1;
  for (const Slot& slot : shard.slots) {
    if (slot.record == kNoRecord) continue;
    std::size_t i = position(slot.tag, mask);
    while (next[i].record != kNoRecord) i = (i + 1) & mask;
    next[i] = slot;
  }
  shard.slots = std::move(next);
}

void IdMap::reserve(const std::vector<IdView>& ids) {
  std::array<std::size_t, 64> extra{};
  for (const IdView& id : ids) ++extra[shard_of(hash_id(id))];
  for (std::size_t s = 0; s < shards_.size(); ++s)
    if (extra[s] > 0) grow(shards_[s], shards_[s].used + extra[s]);
}

void IdMap::put(const IdView& id, RecordNo r, const RecordStore& records) noexcept {
  const std::uint64_t hash = hash_id(id);
  Shard& shard = shards_[shard_of(hash)];
  const std::size_t mask = shard.slots.size() - 1;
  const std::uint32_t tag = tag_of(hash);
  for (std::size_t i = position(tag, mask);; i = (i + 1) & mask) {
    Slot& slot = shard.slots[i];
    if (slot.record == kNoRecord) {
      slot = Slot{tag, r};
      ++shard.used;
      ++size_;
      return;
    }
    if (slot.tag == tag && records.id(slot.record) == id) {
      slot.record = r;
      return;
    }
  }
}

bool IdMap::erase(const IdView& id, const RecordStore& records) noexcept {
  const std::uint64_t hash = hash_id(id);
  Shard& shard = shards_[shard_of(hash)];
  if (shard.slots.empty()) return false;
  const std::size_t mask = shard.slots.size() - 1;
  const std::uint32_t tag = tag_of(hash);
  std::size_t i = position(tag, mask);
  for (;; i = (i + 1) & mask) {
    const Slot& slot = shard.slots[i];
    if (slot.record == kNoRecord) return false;
    if (slot.tag == tag && records.id(slot.record) == id) break;
  }
  // Backward-shift deletion (Knuth, TAOCP vol. 3, 6.4, algorithm R): no tombstones, so look-ups never slow down.
  for (std::size_t j = (i + 1) & mask; shard.slots[j].record != kNoRecord; j = (j + 1) & mask) {
    const std::size_t home = position(shard.slots[j].tag, mask);
    if (((j - home) & mask) >= ((j - i) & mask)) {
      shard.slots[i] = shard.slots[j];
      i = j;
    }
  }
  shard.slots[i].record = kNoRecord;
  --shard.used;
  --size_;
  return true;
}

std::size_t IdMap::bytes() const noexcept {
  std::size_t total = sizeof *this;
  for (const Shard& shard : shards_) total += shard.slots.capacity() * sizeof(Slot);
  return total;
}

}  // namespace sagedb
