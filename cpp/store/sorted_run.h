// One immutable sorted run: each distinct key once, followed by its postings, so it serves equality and ranges alike and costs about 4
// bytes per entry where keys repeat.
//
// Thread safety: immutable after it was made.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/types.h"

namespace sagedb {

// Bounds of a range of keys; a null bound is open.
template <typename Key>
struct KeyRange {
  const Key* low = nullptr;
  bool low_included = true;
  const Key* high = nullptr;
  bool high_included = true;

  static KeyRange equal(const Key& key) { return {&key, true, &key, true}; }
  bool contains(const Key& k) const noexcept {
    if (low != nullptr && (low_included ? k < *low : !(*low < k))) return false;
    return high == nullptr || (high_included ? !(*high < k) : k < *high);
  }
};

template <typename Key>
struct SortedRun {
  struct Item {
    Key key;
    RecordNo record;
  };
  std::vector<Key> keys;  // distinct, ascending
  std::vector<std::uint32_t> offsets;  // postings of keys[i]: records[offsets[i] .. offsets[i + 1])
  std::vector<RecordNo> records;  // ascending within a key

  std::size_t bytes() const { return keys.size() * (sizeof(Key) + 4) + records.size() * sizeof(RecordNo); }

  // Postings [first, second) of the keys in `range`.
  std::pair<std::size_t, std::size_t> slice(const KeyRange<Key>& range) const {
    auto low = keys.begin(), high = keys.end();
    if (range.low != nullptr)
      low = range.low_included ? std::lower_bound(low, high, *range.low) : std::upper_bound(low, high, *range.low);
    if (range.high != nullptr)
      high = range.high_included ? std::upper_bound(low, high, *range.high) : std::lower_bound(low, high, *range.high);
    return {offsets[static_cast<std::size_t>(low - keys.begin())],
            offsets[static_cast<std::size_t>(high - keys.begin())]};
  }

  // Items with ascending records.
  static std::shared_ptr<const SortedRun> sorted(const Item* from, std::uint32_t count) {
    std::vector<Item> items(from, from + count);
    std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.key < b.key; });
    auto run = std::make_shared<SortedRun>();
    run->records.reserve(count);
    for (const Item& item : items) {
      if (run->keys.empty() || run->keys.back() < item.key) run->begin_key(item.key);
      run->records.push_back(item.record);
    }
    run->finish();
    return run;
  }

  // a's records all precede b's, so postings of a shared key stay ascending.
  static std::shared_ptr<const SortedRun> merged(const SortedRun& a, const SortedRun& b) {
    auto run = std::make_shared<SortedRun>();
    run->records.reserve(a.records.size() + b.records.size());
    run->keys.reserve(a.keys.size() + b.keys.size());
    run->offsets.reserve(a.keys.size() + b.keys.size() + 1);
    std::size_t i = 0, j = 0;
    while (i < a.keys.size() || j < b.keys.size()) {
      const bool take_a = j == b.keys.size() || (i < a.keys.size() && !(b.keys[j] < a.keys[i]));
      const bool take_b = i == a.keys.size() || (j < b.keys.size() && !(a.keys[i] < b.keys[j]));
      run->begin_key(take_a ? a.keys[i] : b.keys[j]);
      if (take_a) run->copy_postings(a, i++);
      if (take_b) run->copy_postings(b, j++);
    }
    run->finish();
    return run;
  }

 private:
  void begin_key(const Key& key) {
    keys.push_back(key);
    offsets.push_back(static_cast<std::uint32_t>(records.size()));
  }
  void copy_postings(const SortedRun& from, std::size_t k) {
    records.insert(records.end(), from.records.begin() + from.offsets[k], from.records.begin() + from.offsets[k + 1]);
  }
  void finish() {
    offsets.push_back(static_cast<std::uint32_t>(records.size()));
    keys.shrink_to_fit();
    offsets.shrink_to_fit();
  }
};

}  // namespace sagedb
