// Cache-line prefetch that the compiler cannot drop: g++ 12 deletes __builtin_prefetch in helper functions that contain nothing
// else, which costs 1.5x of a graph search.
#pragma once

namespace sagedb {

__attribute__((always_inline)) static inline void prefetch_line(const void* p) {
#if defined(__x86_64__) || defined(__i386__)
  asm volatile("prefetcht0 %0" ::"m"(*static_cast<const char*>(p)));
#elif defined(__aarch64__)
  asm volatile("prfm pldl1keep, %0" ::"Q"(*static_cast<const char*>(p)));
#else
  __builtin_prefetch(p);
#endif
}

}  // namespace sagedb
