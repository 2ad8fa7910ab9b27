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

#if defined(__x86_64__) || defined(__aarch64__)
#if defined(__x86_64__)
#define SAGEDB_TARGET_CRC __attribute__((target("sse4.2")))
#elif defined(__clang__)
#define SAGEDB_TARGET_CRC __attribute__((target("crc")))
#else
#define SAGEDB_TARGET_CRC __attribute__((target("+crc")))
#endif

// The instruction has a latency of three cycles and starts every cycle, so three runs of bytes are taken side by side and joined: the
// register after A and B is the register after A, moved on by as many zeros as B has bytes, xor that of B alone.
constexpr std::size_t kRun = 1024;
using Matrix = std::array<std::uint32_t, 32>;  // columns: what becomes of each bit of the register

constexpr std::uint32_t times(const Matrix& m, std::uint32_t bits) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < 32; ++i) sum ^= (bits >> i & 1) != 0 ? m[i] : 0;
  return sum;
}

// By four lookups, one for each byte of the register.
constexpr std::array<std::array<std::uint32_t, 256>, 4> make_shift() {
  Matrix m{};
  for (std::uint32_t i = 0; i < 32; ++i) m[i] = i == 0 ? kPolynomial : std::uint32_t{1} << (i - 1);  // one zero bit
  for (std::size_t bits = 1; bits < kRun * 8; bits *= 2) {
    Matrix twice{};
    for (std::size_t i = 0; i < 32; ++i) twice[i] = times(m, m[i]);
    m = twice;
  }
  std::array<std::array<std::uint32_t, 256>, 4> shift{};
  for (std::uint32_t byte = 0; byte < 256; ++byte)
    for (std::size_t k = 0; k < 4; ++k) shift[k][byte] = times(m, byte << (8 * k));
  return shift;
}

constexpr auto kShift = make_shift();

std::uint32_t shift_run(std::uint32_t c) noexcept {
  return kShift[0][c & 0xff] ^ kShift[1][c >> 8 & 0xff] ^ kShift[2][c >> 16 & 0xff] ^ kShift[3][c >> 24];
}

#if defined(__x86_64__)
SAGEDB_TARGET_CRC std::uint32_t add_word(std::uint32_t c, const unsigned char* p) noexcept {
  std::uint64_t word;
  std::memcpy(&word, p, 8);
  return static_cast<std::uint32_t>(_mm_crc32_u64(c, word));
}
SAGEDB_TARGET_CRC std::uint32_t add_byte(std::uint32_t c, unsigned char byte) noexcept { return _mm_crc32_u8(c, byte); }
#else
SAGEDB_TARGET_CRC std::uint32_t add_word(std::uint32_t c, const unsigned char* p) noexcept {
  std::uint64_t word;
  std::memcpy(&word, p, 8);
  return __crc32cd(c, word);
}
SAGEDB_TARGET_CRC std::uint32_t add_byte(std::uint32_t c, unsigned char byte) noexcept { return __crc32cb(c, byte); }
#endif

SAGEDB_TARGET_CRC std::uint32_t crc32c_hardware(std::uint32_t crc, const void* data, std::size_t size) noexcept {
  const auto* p = static_cast<const unsigned char*>(data);
  std::uint32_t c = ~crc;
  for (; size >= 3 * kRun; size -= 3 * kRun, p += 3 * kRun) {
    std::uint32_t second = 0, third = 0;
    for (std::size_t i = 0; i < kRun; i += 8) {
      c = add_word(c, p + i);
      second = add_word(second, p + kRun + i);
      third = add_word(third, p + 2 * kRun + i);
    }
    c = shift_run(shift_run(c) ^ second) ^ third;
  }
  for (; size >= 8; size -= 8, p += 8) c = add_word(c, p);
  for (; size > 0; --size) c = add_byte(c, *p++);
  return ~c;
}
#endif

Function choose() noexcept {
#if defined(__x86_64__)
  if (cpu_features().sse42) return crc32c_hardware;
#elif defined(__aarch64__)
  if (cpu_features().crc32) return crc32c_hardware;
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
