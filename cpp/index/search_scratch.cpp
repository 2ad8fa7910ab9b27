#include "index/search_scratch.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

namespace sagedb {

void SearchScratch::forget_visited(std::size_t nodes) {
  const std::size_t words = (nodes + 63) / 64;
  if (seen_count_ > visited_.size()) {
    std::fill(visited_.begin(), visited_.end(), 0);
  } else {
    for (std::size_t i = 0; i < seen_count_; ++i) visited_[seen_[i] >> 6] = 0;
  }
  seen_count_ = 0;
  if (visited_.size() < words) visited_.resize(words + words / 4, 0);
}

void SearchScratch::begin(std::size_t nodes, std::uint32_t ef) {
  forget_visited(nodes);
  pool.reset(ef);
  overflow.clear();
  accepted.clear();
}

void SearchScratch::grow_seen(std::size_t count) { seen_.resize(std::max(count + 256, seen_.size() * 2)); }

std::size_t SearchScratch::bytes() const noexcept {
  return sizeof *this + visited_.capacity() * sizeof(std::uint64_t) + seen_.capacity() * sizeof(std::uint32_t) +
         distances_.capacity() * sizeof(DistanceKey) + entered_.capacity() * sizeof(std::uint32_t) +
         rows.capacity() * sizeof(Row) + (overflow.capacity() + accepted.capacity()) * sizeof(CandidateKey) +
         pool.bytes();
}

// A fixed set of slots exchanged atomically: a lease takes no lock. More searches at once than slots simply allocate.
struct ScratchPool::Impl {
  static constexpr std::size_t kSlots = 64;
  // One slot per cache line: searches on different cores do not share lines.
  struct alignas(kCacheLine) Slot {
    std::atomic<SearchScratch*> scratch{nullptr};
  };
  std::array<Slot, kSlots> slots;
  std::atomic<std::size_t> bytes{0};

  // Starts where this thread found its last scratch, which is likely still in its cache.
  static std::size_t& hint() noexcept {
    static std::atomic<std::size_t> next{0};
    thread_local std::size_t slot = next.fetch_add(1, std::memory_order_relaxed) % kSlots;
    return slot;
  }
};

ScratchPool::ScratchPool() : impl_(std::make_unique<Impl>()) {}

ScratchPool::~ScratchPool() {
  for (auto& slot : impl_->slots) delete slot.scratch.load(std::memory_order_relaxed);
}

ScratchPool::Lease ScratchPool::lease() {
  const std::size_t start = Impl::hint();
  for (std::size_t i = 0; i < Impl::kSlots; ++i) {
    auto& slot = impl_->slots[(start + i) % Impl::kSlots].scratch;
    if (slot.load(std::memory_order_relaxed) == nullptr) continue;
    SearchScratch* scratch = slot.exchange(nullptr, std::memory_order_acquire);
    if (scratch == nullptr) continue;
    impl_->bytes.fetch_sub(scratch->bytes(), std::memory_order_relaxed);
    return Lease(*this, std::unique_ptr<SearchScratch>(scratch));
  }
  return Lease(*this, std::make_unique<SearchScratch>());
}

std::size_t ScratchPool::bytes() const noexcept { return impl_->bytes.load(std::memory_order_relaxed); }

ScratchPool::Lease::Lease(ScratchPool& pool, std::unique_ptr<SearchScratch> s) : pool_(&pool), scratch_(std::move(s)) {}
ScratchPool::Lease::Lease(Lease&&) noexcept = default;

ScratchPool::Lease::~Lease() {
  if (!scratch_) return;
  ScratchPool::Impl& impl = *pool_->impl_;
  const std::size_t bytes = scratch_->bytes();
  const std::size_t start = ScratchPool::Impl::hint();
  for (std::size_t i = 0; i < ScratchPool::Impl::kSlots; ++i) {
    auto& slot = impl.slots[(start + i) % ScratchPool::Impl::kSlots].scratch;
    SearchScratch* empty = nullptr;
    impl.bytes.fetch_add(bytes, std::memory_order_relaxed);
    if (slot.compare_exchange_strong(empty, scratch_.get(), std::memory_order_release, std::memory_order_relaxed)) {
      static_cast<void>(scratch_.release());
      return;
    }
    impl.bytes.fetch_sub(bytes, std::memory_order_relaxed);
  }
}

}  // namespace sagedb
