// Mapped bytes moved into memory of the process where they stand, and memory exchanged for a mapping of the same bytes.
//
// Thread safety: any number of threads may read the bytes meanwhile; one moves them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sagedb {

// Puts a copy of the whole pages within [data, data + size), in huge pages where the system has them, in place of what is mapped there: addresses and content
// stay, readers notice nothing, and the file is not read any more. Only for mappings of Env::real(). Returns how many bytes were moved; 0 when the
// system cannot or has no memory.
std::size_t make_resident(const std::byte* data, std::size_t size) noexcept;

// The other way: puts bytes [offset, offset + size) of a file, which the caller knows to be the same, in place of the memory at `at`. All of them are multiples
// of the system's page size. False, and nothing has happened, when the system cannot.
bool make_mapped(int fd, std::uint64_t offset, const std::byte* at, std::size_t size) noexcept;

#if defined(__linux__)
// As allocate_pages(); the first `whole` bytes, whole pages, are those of the file. Null, with the reason in errno, when it cannot be mapped.
std::byte* allocate_mapped(int fd, std::size_t whole, std::size_t bytes);
#endif

}  // namespace sagedb
