// An ordered index from keys to ascending record numbers that one writer appends to while readers search it without a lock: a small
// unsorted tail in front of immutable sorted runs, merged like a binary counter so that an entry is copied O(log n) times. A run holds
// each distinct key once, followed by its postings, so it serves equality and ranges alike and costs about 4
// bytes per entry where keys repeat.
//
// Thread safety: reserve(), append() and settle() by the one writer; readers take a View and see every record published to them.
// Invariants: runs cover ascending, disjoint record ranges in list order; a reader ignores records at or above its own count.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/published_ptr.h"
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
class SortedRuns {
  struct Item {
    Key key;
    RecordNo record;
  };
  struct Run {
    std::vector<Key> keys;               // distinct, ascending
    std::vector<std::uint32_t> offsets;  // postings of keys[i]: records[offsets[i] .. offsets[i + 1])
    std::vector<RecordNo> records;
    std::size_t bytes() const { return keys.size() * (sizeof(Key) + 4) + records.size() * sizeof(RecordNo); }
  };
  struct Tail {
    explicit Tail(std::uint32_t n) : capacity(n), items(new Item[n]) {}
    const std::uint32_t capacity;
    std::atomic<std::uint32_t> count{0};
    const std::unique_ptr<Item[]> items;
  };
  struct State {
    std::vector<std::shared_ptr<const Run>> runs;
    std::shared_ptr<Tail> tail;  // null until the first reserve()
  };
  using StatePtr = std::shared_ptr<const State>;

 public:
  static constexpr std::uint32_t kTail = 512;
  // Bounds the longest merge on the writer's path (a few milliseconds).
  static constexpr std::size_t kMaxMerge = std::size_t{1} << 18;

  SortedRuns() : current_(std::make_shared<const State>()), state_(current_) {}

  // Room for `count` further append() calls beyond those reserved before. Throws std::bad_alloc, changes nothing visible.
  void reserve(std::uint32_t count) {
    const std::uint32_t need = outstanding_ + count;
    const Tail* tail = current_->tail.get();
    const std::uint32_t held = tail == nullptr ? 0 : tail->count.load(std::memory_order_relaxed);
    if (tail == nullptr || held + need > tail->capacity) rebuild(held, need);
    outstanding_ = need;
  }
  void unreserve(std::uint32_t count) noexcept { outstanding_ -= std::min(count, outstanding_); }

  // Requires reserve(). Records must not descend.
  void append(const Key& key, RecordNo record) noexcept {
    Tail& tail = *current_->tail;
    const std::uint32_t at = tail.count.load(std::memory_order_relaxed);
    tail.items[at] = Item{key, record};
    tail.count.store(at + 1, std::memory_order_release);
    --outstanding_;
  }

  // Sorts a long tail away, so that no reader scans it again. Throws std::bad_alloc, changes nothing visible.
  void settle() {
    const Tail* tail = current_->tail.get();
    if (tail != nullptr && tail->count.load(std::memory_order_relaxed) >= kTail)
      rebuild(tail->count.load(std::memory_order_relaxed), outstanding_);
  }

  // What a reader holds during one evaluation.
  class View {
   public:
    explicit View(StatePtr state) : state_(std::move(state)) {}

    // Calls visit(record) for every entry in the range, in no particular order, above a reader's count included.
    template <typename Visit>
    void visit(const KeyRange<Key>& range, Visit&& visit) const {
      for (const auto& run : state_->runs) {
        const auto [begin, end] = slice(*run, range);
        for (std::size_t i = begin; i < end; ++i) visit(run->records[i]);
      }
      for_tail([&](const Item& item) {
        if (range.contains(item.key)) visit(item.record);
      });
    }
    // Number of entries in the range; O(log n).
    std::size_t count(const KeyRange<Key>& range) const {
      std::size_t total = 0;
      for (const auto& run : state_->runs) {
        const auto [begin, end] = slice(*run, range);
        total += end - begin;
      }
      for_tail([&](const Item& item) { total += range.contains(item.key) ? 1 : 0; });
      return total;
    }
    // Calls visit(record) for the entries of every key that `wanted` accepts; each run's distinct keys are tested once.
    template <typename Wanted, typename Visit>
    void scan(Wanted&& wanted, Visit&& visit) const {
      for (const auto& run : state_->runs)
        for (std::size_t k = 0; k < run->keys.size(); ++k) {
          if (!wanted(run->keys[k])) continue;
          for (std::uint32_t i = run->offsets[k]; i < run->offsets[k + 1]; ++i) visit(run->records[i]);
        }
      for_tail([&](const Item& item) {
        if (wanted(item.key)) visit(item.record);
      });
    }
    std::size_t bytes() const noexcept {
      std::size_t total = sizeof(State) + (state_->tail ? state_->tail->capacity * sizeof(Item) : 0);
      for (const auto& run : state_->runs) total += run->bytes();
      return total;
    }

   private:
    static std::pair<std::size_t, std::size_t> slice(const Run& run, const KeyRange<Key>& range) {
      auto low = run.keys.begin(), high = run.keys.end();
      if (range.low != nullptr)
        low = range.low_included ? std::lower_bound(low, high, *range.low) : std::upper_bound(low, high, *range.low);
      if (range.high != nullptr)
        high = range.high_included ? std::upper_bound(low, high, *range.high) : std::lower_bound(low, high, *range.high);
      return {run.offsets[static_cast<std::size_t>(low - run.keys.begin())],
              run.offsets[static_cast<std::size_t>(high - run.keys.begin())]};
    }
    template <typename F>
    void for_tail(F&& f) const {
      if (!state_->tail) return;
      const std::uint32_t count = state_->tail->count.load(std::memory_order_acquire);
      for (std::uint32_t i = 0; i < count; ++i) f(state_->tail->items[i]);
    }
    StatePtr state_;
  };
  View view() const { return View(state_.load()); }

 private:
  void rebuild(std::uint32_t held, std::uint32_t need) {
    auto next = std::make_shared<State>();
    next->runs = current_->runs;
    const bool flush = held + need > kTail && held > 0;
    std::uint32_t capacity = 8;
    while (capacity < (flush ? need : held + need)) capacity *= 2;
    next->tail = std::make_shared<Tail>(capacity);
    if (flush) {
      next->runs.push_back(sorted(*current_->tail, held));
      merge_runs(next->runs);
    } else {
      for (std::uint32_t i = 0; i < held; ++i) next->tail->items[i] = current_->tail->items[i];
      next->tail->count.store(held, std::memory_order_relaxed);
    }
    StatePtr state = std::move(next);
    auto prepared = published_ptr<const State>::prepare(state);
    state_.exchange(std::move(prepared));
    current_ = std::move(state);
  }

  static std::shared_ptr<const Run> sorted(const Tail& tail, std::uint32_t count) {
    std::vector<Item> items(tail.items.get(), tail.items.get() + count);
    std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.key < b.key; });
    auto run = std::make_shared<Run>();
    run->records.reserve(count);
    for (const Item& item : items) {
      if (run->keys.empty() || run->keys.back() < item.key) {
        run->keys.push_back(item.key);
        run->offsets.push_back(static_cast<std::uint32_t>(run->records.size()));
      }
      run->records.push_back(item.record);
    }
    run->offsets.push_back(static_cast<std::uint32_t>(run->records.size()));
    run->keys.shrink_to_fit();
    run->offsets.shrink_to_fit();
    return run;
  }

  static void merge_runs(std::vector<std::shared_ptr<const Run>>& runs) {
    while (runs.size() >= 2) {
      const Run& a = *runs[runs.size() - 2];
      const Run& b = *runs.back();
      const std::size_t total = a.records.size() + b.records.size();
      if (a.records.size() > 2 * b.records.size() || total > kMaxMerge) return;
      auto merged = merge(a, b);
      runs.pop_back();
      runs.back() = std::move(merged);
    }
  }

  // a's records all precede b's, so postings of a shared key stay ascending.
  static std::shared_ptr<const Run> merge(const Run& a, const Run& b) {
    auto run = std::make_shared<Run>();
    run->records.reserve(a.records.size() + b.records.size());
    run->keys.reserve(a.keys.size() + b.keys.size());
    run->offsets.reserve(a.keys.size() + b.keys.size() + 1);
    const auto copy = [&run](const Run& from, std::size_t k) {
      run->records.insert(run->records.end(), from.records.begin() + from.offsets[k], from.records.begin() + from.offsets[k + 1]);
    };
    std::size_t i = 0, j = 0;
    while (i < a.keys.size() || j < b.keys.size()) {
      const bool take_a = j == b.keys.size() || (i < a.keys.size() && !(b.keys[j] < a.keys[i]));
      const bool take_b = i == a.keys.size() || (j < b.keys.size() && !(a.keys[i] < b.keys[j]));
      run->keys.push_back(take_a ? a.keys[i] : b.keys[j]);
      run->offsets.push_back(static_cast<std::uint32_t>(run->records.size()));
      if (take_a) copy(a, i++);
      if (take_b) copy(b, j++);
    }
    run->offsets.push_back(static_cast<std::uint32_t>(run->records.size()));
    run->keys.shrink_to_fit();
    run->offsets.shrink_to_fit();
    return run;
  }

  StatePtr current_;  // the writer's own reference to what state_ publishes
  published_ptr<const State> state_;
  std::uint32_t outstanding_ = 0;
};

}  // namespace sagedb
