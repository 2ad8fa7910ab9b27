// Page-backed and cache-line aligned memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace sagedb {

inline constexpr std::size_t kCacheLine = 64;
inline constexpr std::size_t kHugePage = std::size_t{2} << 20;

inline constexpr std::size_t round_up(std::size_t n, std::size_t to) { return (n + to - 1) / to * to; }

// Zero-filled anonymous memory, lazily backed. >= 2 MB: aligned to 2 MB and advised to use huge pages where the system
// gives them. Throws Error(OUT_OF_MEMORY). Free with free_pages() and the same size.
std::byte* allocate_pages(std::size_t bytes);
void free_pages(std::byte* p, std::size_t bytes) noexcept;

// std::allocator with cache-line alignment, for vectors that SIMD kernels read.
template <typename T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <typename U>
  AlignedAllocator(const AlignedAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(kCacheLine))); }
  void deallocate(T* p, std::size_t) noexcept { ::operator delete(p, std::align_val_t(kCacheLine)); }
  bool operator==(const AlignedAllocator&) const noexcept { return true; }
  bool operator!=(const AlignedAllocator&) const noexcept { return false; }
};

template <typename T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace sagedb
