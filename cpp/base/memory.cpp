#include "base/memory.h"

#include "base/status.h"

#ifdef _WIN32
#include <malloc.h>

#include <cstring>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace sagedb {

#ifdef _WIN32
std::byte* allocate_pages(std::size_t bytes) {
  void* p = _aligned_malloc(round_up(bytes, 4096), 4096);
  if (p == nullptr) throw Error(ErrorCode::OUT_OF_MEMORY, "cannot allocate " + std::to_string(bytes) + " bytes");
  std::memset(p, 0, bytes);
  return static_cast<std::byte*>(p);
}
void free_pages(std::byte* p, std::size_t) noexcept { _aligned_free(p); }
#else
// munmap() takes nothing that begins between two pages.
std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

std::byte* allocate_pages(std::size_t bytes) {
  const bool huge = bytes >= kHugePage;
  const std::size_t size = round_up(bytes, page_size());
  const std::size_t span = huge ? size + kHugePage : size;
  void* p = mmap(nullptr, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) throw Error(ErrorCode::OUT_OF_MEMORY, "cannot allocate " + std::to_string(bytes) + " bytes");
  auto* begin = static_cast<std::byte*>(p);
  if (!huge) return begin;
  // Trim to a 2 MB boundary: huge pages only back aligned ranges.
  const std::size_t skip =
      round_up(reinterpret_cast<std::uintptr_t>(begin), kHugePage) - reinterpret_cast<std::uintptr_t>(begin);
  if (skip > 0) munmap(begin, skip);
  if (kHugePage > skip) munmap(begin + skip + size, kHugePage - skip);
#ifdef MADV_HUGEPAGE
  madvise(begin + skip, size, MADV_HUGEPAGE);
#endif
  return begin + skip;
}
void free_pages(std::byte* p, std::size_t bytes) noexcept {
  if (p != nullptr) munmap(p, round_up(bytes, page_size()));
}
#endif

}  // namespace sagedb
