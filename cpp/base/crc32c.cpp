#include "base/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#endif

#include "base/cpu_features.h"

namespace sagedb {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected
using Table = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Table make_table() {
  Table t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ ((c & 1) != 0 ? kPolynomial : 0);
    t[0][i] = c;
  }
  for (std::uint32_t i = 0; i < 256; ++i)
    for (std::size_t k = 1; k < 8; ++k) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xff];
  return t;
}

constexpr Table kTable = make_table();

using Function = std::uint32_t (*)(std::uint32_t, const void*, std::size_t) noexcept;

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::uint32_t crc, const void* data,
                                                             std::size_t size) noexcept {
  const auto* p = static_cast<const unsigned char*>(data);
  std::uint64_t c = ~crc;
  for (; size >= 8; size -= 8, p += 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    c = _mm_crc32_u64(c, word);
  }
  auto narrow = static_cast<std::uint32_t>(c);
  for (; size > 0; --size) narrow = _mm_crc32_u8(narrow, *p++);
  return ~narrow;
}
#elif defined(__aarch64__)
#if defined(__clang__)
#define SAGEDB_TARGET_CRC __attribute__((target("crc")))
#else
#define SAGEDB_TARGET_CRC __attribute__((target("+crc")))
#endif
SAGEDB_TARGET_CRC std::uint32_t crc32c_arm(std::uint32_t crc, const void* data, std::size_t size) noexcept {
  const auto* p = static_cast<const unsigned char*>(data);
  std::uint32_t c = ~crc;
  for (; size >= 8; size -= 8, p += 8) {
    std::uint64_t word;
    std::memcpy(&word, p, 8);
    c = __crc32cd(c, word);
  }
  for (; size > 0; --size) c = __crc32cb(c, *p++);
  return ~c;
}
#endif

Function choose() noexcept {
#if defined(__x86_64__)
  if (cpu_features().sse42) return crc32c_sse42;
#elif defined(__aarch64__)
  if (cpu_features().crc32) return crc32c_arm;
#endif
  return crc32c_scalar;
}

}  // namespace

std::uint32_t crc32c_scalar(std::uint32_t crc, const void* data, std::size_t size) noexcept {
  const auto* p = static_cast<const unsigned char*>(data);
  std::uint32_t c = ~crc;
  for (; size >= 8; size -= 8, p += 8) {
    // Bytes are combined by hand, so that the result does not depend on the byte order of the machine.
    c ^= static_cast<std::uint32_t>(p[0]) | static_cast<std::uint32_t>(p[1]) << 8 |
         static_cast<std::uint32_t>(p[2]) << 16 | static_cast<std::uint32_t>(p[3]) << 24;
    c = kTable[7][c & 0xff] ^ kTable[6][(c >> 8) & 0xff] ^ kTable[5][(c >> 16) & 0xff] ^ kTable[4][c >> 24] ^
        kTable[3][p[4]] ^ kTable[2][p[5]] ^ kTable[1][p[6]] ^ kTable[0][p[7]];
  }
  for (; size > 0; --size) c = (c >> 8) ^ kTable[0][(c ^ *p++) & 0xff];
  return ~c;
}

std::uint32_t crc32c(std::uint32_t crc, const void* data, std::size_t size) noexcept {
  static const Function function = choose();
  return function(crc, data, size);
}

}  // namespace sagedb
