// Page-backed and cache-line aligned memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace sagedb {

inline constexpr std::size_t kCacheLine = 64;
inline constexpr std::size_t kHugePage = std::size_t{2} << 20;
// What lies at a multiple of this in a file can be mapped, where the system's pages are not larger.
inline constexpr std::size_t kFilePage = 4096;

#if !defined(_WIN32)
// Of the system: 16 or 64 KB on some arm64 systems.
std::size_t page_size() noexcept;
#endif

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
  // Aligned by hand: the aligned operator new of glibc is several times as slow as the plain one, and a search needs a few of these. The byte
  // before the first element says how far it is from the begin of the allocation.
  T* allocate(std::size_t n) {
    if (n > (SIZE_MAX - kCacheLine) / sizeof(T)) throw std::bad_alloc();
    auto* const raw = static_cast<unsigned char*>(::operator new(n * sizeof(T) + kCacheLine));
    const std::size_t gap = kCacheLine - reinterpret_cast<std::uintptr_t>(raw) % kCacheLine;
    raw[gap - 1] = static_cast<unsigned char>(gap);
    return reinterpret_cast<T*>(raw + gap);
  }
  void deallocate(T* p, std::size_t) noexcept {
    auto* const first = reinterpret_cast<unsigned char*>(p);
    ::operator delete(first - first[-1]);
  }
  bool operator==(const AlignedAllocator&) const noexcept { return true; }
  bool operator!=(const AlignedAllocator&) const noexcept { return false; }
};

template <typename T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace sagedb
