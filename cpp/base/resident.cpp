#include "base/resident.h"

#include <algorithm>

#include "base/memory.h"

#if defined(__linux__)
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#endif

namespace sagedb {

#if defined(__linux__)
namespace {

// Where the pages of [at, at + size) may come from: the same distance from a boundary of huge pages, so that these move as they are.
std::byte* like_aligned(const std::byte* at, std::size_t size) noexcept {
  const std::size_t span = size + kHugePage;
  void* p = ::mmap(nullptr, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(p);
  const std::size_t skip = (reinterpret_cast<std::uintptr_t>(at) - reinterpret_cast<std::uintptr_t>(begin)) % kHugePage;
  if (skip > 0) ::munmap(begin, skip);
  if (kHugePage > skip) ::munmap(begin + skip + size, kHugePage - skip);
  return begin + skip;
}

}  // namespace

std::size_t make_resident(const std::byte* data, std::size_t size) noexcept {
  const std::uintptr_t page = page_size();
  const std::uintptr_t first = (reinterpret_cast<std::uintptr_t>(data) + page - 1) / page * page;
  const std::uintptr_t end = (reinterpret_cast<std::uintptr_t>(data) + size) / page * page;
  if (first >= end) return 0;
  auto* const at = reinterpret_cast<std::byte*>(first);
  const std::size_t bytes = end - first;
  std::byte* const copy = like_aligned(at, bytes);
  if (copy == nullptr) return 0;
  ::madvise(copy, bytes, MADV_HUGEPAGE);
  std::memcpy(copy, at, bytes);
  // One system call takes away the old pages and puts the new ones there; whoever reads meanwhile waits for it.
  if (::mprotect(copy, bytes, PROT_READ) == 0 &&
      ::mremap(copy, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, at) != MAP_FAILED)
    return bytes;
  ::munmap(copy, bytes);
  return 0;
}

bool make_mapped(int fd, std::uint64_t offset, const std::byte* at, std::size_t size) noexcept {
  const std::uintptr_t page = page_size();
  if (size == 0 || offset % page != 0 || size % page != 0 || reinterpret_cast<std::uintptr_t>(at) % page != 0)
    return false;
  void* const file = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (file == MAP_FAILED) return false;
  if (::mremap(file, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, const_cast<std::byte*>(at)) != MAP_FAILED) return true;
  ::munmap(file, size);
  return false;
}

std::byte* allocate_mapped(int fd, std::size_t whole, std::size_t bytes) {
  std::byte* const pages = allocate_pages(bytes);
  if (whole == 0 || ::mmap(pages, whole, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED)
    return pages;
  const int err = errno;
  free_pages(pages, bytes);
  errno = err;
  return nullptr;
}
#else
std::size_t make_resident(const std::byte*, std::size_t) noexcept { return 0; }
bool make_mapped(int, std::uint64_t, const std::byte*, std::size_t) noexcept { return false; }
#endif

}  // namespace sagedb
