// CRC-32C (Castagnoli), the checksum of every stored byte. RFC 3720, appendix B.4.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sagedb {

// Extends `crc` (0 to start) by `size` bytes. Hardware instructions where the processor has them.
std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t size) noexcept;
// The table-driven reference that the hardware path is tested against.
std::uint32_t crc32c_scalar(std::uint32_t crc, const void* data, std::size_t size) noexcept;

}  // namespace sagedb
