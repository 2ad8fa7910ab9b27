// The one place where a new value is handed from a writer to readers.
//
// Mechanism: split reference counts in one 64-bit word (16 bits of borrowed references, 48 bits of pointer), see
// A. Williams, «C++ Concurrency in Action», 2nd ed., §7.2.4. load() is one fetch_add, one shared_ptr copy and one
// compare-exchange; it never takes a lock and never waits for a store. std::atomic<std::shared_ptr> is C++20 and locks
// inside libstdc++.
//
// Thread safety: any number of threads may load() and store() at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace sagedb {

template <typename T>
class published_ptr {
  struct Node {
    std::shared_ptr<T> value;
    // After replacement: references still borrowed. Readers that finish before the replacing store has booked them
    // drive it below zero for a moment; whoever brings it to zero once it is booked frees the node.
    std::atomic<std::int64_t> borrowed{0};
  };
  static constexpr int kShift = 48;
  static constexpr std::uint64_t kOne = std::uint64_t{1} << kShift;
  static constexpr std::uint64_t kPointer = kOne - 1;
  static_assert(sizeof(void*) == 8, "48-bit user-space pointers are assumed");

  static Node* node_of(std::uint64_t word) noexcept { return reinterpret_cast<Node*>(word & kPointer); }

 public:
  explicit published_ptr(std::shared_ptr<T> initial = nullptr)
      : word_(reinterpret_cast<std::uint64_t>(new Node{std::move(initial), {}})) {}
  ~published_ptr() { delete node_of(word_.load(std::memory_order_acquire)); }
  published_ptr(const published_ptr&) = delete;
  published_ptr& operator=(const published_ptr&) = delete;

  std::shared_ptr<T> load() const noexcept {
    const std::uint64_t borrowed = word_.fetch_add(kOne, std::memory_order_acquire) + kOne;
    Node* node = node_of(borrowed);
    std::shared_ptr<T> value = node->value;
    std::uint64_t seen = borrowed;
    while (node_of(seen) == node && (seen >> kShift) != 0) {
      if (word_.compare_exchange_weak(seen, seen - kOne, std::memory_order_release, std::memory_order_relaxed))
        return value;
    }
    // Replaced meanwhile: the store books our reference in `borrowed` (before or after this line).
    if (node->borrowed.fetch_sub(1, std::memory_order_acq_rel) == 1) delete node;
    return value;
  }

  // Two-phase publication: prepare() may throw, exchange() cannot.
  struct Prepared {
    std::unique_ptr<Node> node;
  };
  static Prepared prepare(std::shared_ptr<T> value) {
    return Prepared{std::unique_ptr<Node>(new Node{std::move(value), {}})};
  }
  // Returns the replaced value so that the caller decides which thread frees it.
  std::shared_ptr<T> exchange(Prepared next) noexcept {
    const std::uint64_t old =
        word_.exchange(reinterpret_cast<std::uint64_t>(next.node.release()), std::memory_order_acq_rel);
    Node* node = node_of(old);
    std::shared_ptr<T> value = node->value;
    const auto borrowed = static_cast<std::int64_t>(old >> kShift);
    if (node->borrowed.fetch_add(borrowed, std::memory_order_acq_rel) == -borrowed) delete node;
    return value;
  }
  std::shared_ptr<T> store(std::shared_ptr<T> value) { return exchange(prepare(std::move(value))); }

 private:
  mutable std::atomic<std::uint64_t> word_;
};

}  // namespace sagedb
