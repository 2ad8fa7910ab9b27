// An ordered index from keys to ascending record numbers that one writer appends to while readers search it without a lock: a small
// unsorted tail in front of immutable sorted runs, merged like a binary counter so that an entry is copied O(log n) times.
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
#include "store/sorted_run.h"

namespace sagedb {

template <typename Key>
class SortedRuns {
  using Run = SortedRun<Key>;
  using Item = typename Run::Item;
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
        const auto [begin, end] = run->slice(range);
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
        const auto [begin, end] = run->slice(range);
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
      next->runs.push_back(Run::sorted(current_->tail->items.get(), held));
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

  static void merge_runs(std::vector<std::shared_ptr<const Run>>& runs) {
    while (runs.size() >= 2) {
      const Run& a = *runs[runs.size() - 2];
      const Run& b = *runs.back();
      const std::size_t total = a.records.size() + b.records.size();
      if (a.records.size() > 2 * b.records.size() || total > kMaxMerge) return;
      auto merged = Run::merged(a, b);
      runs.pop_back();
      runs.back() = std::move(merged);
    }
  }

  StatePtr current_;  // the writer's own reference to what state_ publishes
  published_ptr<const State> state_;
  std::uint32_t outstanding_ = 0;
};

}  // namespace sagedb
