#include "kernels/kernels.h"

#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "kernels/kernel_tables.h"

namespace sagedb {
namespace {

struct Supported {
  const KernelTable* tables[5] = {};
  std::size_t count = 0;
  const KernelTable* chosen = nullptr;

  void add(const KernelTable& table) noexcept { tables[count++] = &table; }
};

#if defined(__x86_64__)

struct CpuFeatures {
  bool avx2 = false;        // AVX2, FMA and F16C, and the system saves the wide registers
  bool avx512 = false;      // F, BW, DQ and VL, and the system saves the 512-bit and mask registers
  bool avx512vnni = false;
};

// A processor's flag is not enough: a kernel or hypervisor that does not save the registers (XCR0) makes the instructions fault.
std::uint64_t saved_register_state() noexcept {
  std::uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

CpuFeatures detect_cpu() noexcept {
  CpuFeatures f;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return f;
  const unsigned avx_group = bit_OSXSAVE | bit_AVX | bit_FMA | bit_F16C;
  if ((c & avx_group) != avx_group) return f;
  const std::uint64_t saved = saved_register_state();
  if ((saved & 0x06) != 0x06) return f;  // XMM, YMM
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return f;
  f.avx2 = (b & bit_AVX2) != 0;
  const unsigned avx512_group = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  f.avx512 = f.avx2 && (b & avx512_group) == avx512_group && (saved & 0xe0) == 0xe0;  // masks, upper halves, ZMM16-31
  f.avx512vnni = f.avx512 && (c & bit_AVX512VNNI) != 0;
  return f;
}

#elif defined(__aarch64__)

bool has_dot_product() noexcept {
#if defined(__APPLE__)
  return true;  // since the first of these machines
#elif defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return false;
#endif
}

#endif

Supported detect() noexcept {
  Supported s;
#if defined(__x86_64__)
  const CpuFeatures cpu = detect_cpu();
  if (cpu.avx512vnni) s.add(kAvx512VnniKernels);
  if (cpu.avx512) s.add(kAvx512Kernels);
  if (cpu.avx2) s.add(kAvx2Kernels);
#elif defined(__aarch64__)
  if (has_dot_product()) s.add(kNeonDotKernels);
  s.add(kNeonKernels);
#endif
  s.add(kScalarKernels);
  s.chosen = s.tables[0];
  if (const char* wanted = std::getenv("SAGEDB_KERNELS")) {
    for (std::size_t i = 0; i < s.count; ++i) {
      if (std::strcmp(s.tables[i]->name, wanted) == 0) s.chosen = s.tables[i];
    }
  }
  return s;
}

const Supported& supported() noexcept {
  static const Supported s = detect();
  return s;
}

}  // namespace

const KernelTable& kernels() noexcept { return *supported().chosen; }

const KernelTable& scalar_kernels() noexcept { return kScalarKernels; }

const KernelTable* const* supported_kernels(std::size_t* count) noexcept {
  *count = supported().count;
  return supported().tables;
}

}  // namespace sagedb
