#include "engine/filter_cache.h"

#include <algorithm>
#include <utility>

namespace sagedb {
namespace {

// Testing one record costs about as much as evaluating this many from the indexes.
constexpr RecordNo kExtendShare = 16;

}  // namespace

std::shared_ptr<const Filter> FilterCache::filter(std::string_view text) const {
  const std::shared_ptr<const Table> table = table_.load();
  for (const auto& entry : *table)
    if (entry->is(text)) return entry->filter;
  return Filter::parse(text);
}

std::shared_ptr<const RowSet> FilterCache::rows(const Snapshot& snapshot, const std::shared_ptr<const Filter>& asked) {
  const Filter& filter = *asked;
  const std::string_view text = filter.text();
  if (text.size() > kLongestText) return std::make_shared<const RowSet>(matching_rows(snapshot, filter));
  const std::shared_ptr<const Table> table = table_.load();
  std::shared_ptr<const RowSet> found;
  for (const auto& entry : *table) {
    if (entry->filter != asked && !entry->is(text)) continue;
    if (entry->generation.lock() != snapshot.generation) continue;
    entry->used.store(clock_.fetch_add(1, std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    // An older snapshot sees fewer records than the entry holds; its search evaluates for itself.
    if (entry->sequence > snapshot.sequence) return std::make_shared<const RowSet>(matching_rows(snapshot, filter));
    if (entry->record_count == snapshot.record_count) return entry->rows;
    if (snapshot.record_count - entry->record_count <= snapshot.record_count / kExtendShare)
      found = extended(*entry, snapshot, filter);
    break;
  }
  auto entry = std::make_shared<Entry>();
  entry->filter = asked;
  entry->generation = snapshot.generation;
  entry->sequence = snapshot.sequence;
  entry->record_count = snapshot.record_count;
  entry->rows = found ? std::move(found) : std::make_shared<const RowSet>(matching_rows(snapshot, filter));
  entry->used.store(clock_.fetch_add(1, std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  std::shared_ptr<const RowSet> rows = entry->rows;
  store(std::move(entry));
  return rows;
}

// A record's row may have been set for an older record of it: the newest decides.
std::shared_ptr<const RowSet> FilterCache::extended(const Entry& entry, const Snapshot& snapshot,
                                                    const Filter& filter) {
  auto rows = std::make_shared<RowSet>();
  rows->words.reserve((std::size_t{snapshot.row_count} + 63) / 64);
  rows->words = entry.rows->words;
  rows->words.resize((std::size_t{snapshot.row_count} + 63) / 64);
  rows->count = entry.rows->count;
  const Generation& g = *snapshot.generation;
  for (RecordNo r = entry.record_count; r < snapshot.record_count; ++r) {
    const Row row = g.records.row(r);
    std::uint64_t& word = rows->words[row >> 6];
    const std::uint64_t bit = std::uint64_t{1} << (row & 63);
    const bool was = (word & bit) != 0, is = matches(filter, g.metadata, r);
    if (was == is) continue;
    word ^= bit;
    is ? ++rows->count : --rows->count;
  }
  return rows;
}

// Replaces the entry of the same filter, drops what belongs to older generations, then the least recently used.
void FilterCache::store(std::shared_ptr<const Entry> entry) noexcept {
  if (storing_.test_and_set(std::memory_order_acquire)) return;
  try {
    const std::shared_ptr<const Table> old = table_.load();
    // Other searches go on marking entries as used: a sort must see each mark once, or its order contradicts itself and it leaves the array.
    std::vector<std::pair<std::uint64_t, std::shared_ptr<const Entry>>> kept;
    kept.reserve(old->size());
    for (const auto& e : *old)
      if (!e->is(entry->filter->text()) && !e->generation.expired())
        kept.emplace_back(e->used.load(std::memory_order_relaxed), e);
    std::sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    auto next = std::make_shared<Table>();
    next->reserve(kEntries);
    std::size_t total = entry->bytes();
    for (auto& [used, e] : kept) {
      total += e->bytes();
      if (next->size() + 1 == kEntries || total > kBytes) break;
      next->push_back(std::move(e));
    }
    next->push_back(std::move(entry));
    table_.store(std::move(next));
  } catch (...) {
    // Not cached then.
  }
  storing_.clear(std::memory_order_release);
}

std::size_t FilterCache::bytes() const noexcept {
  std::size_t total = 0;
  for (const auto& e : *table_.load()) total += e->bytes();
  return total;
}

}  // namespace sagedb
