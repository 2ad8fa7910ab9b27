#include "base/cpu_features.h"

#include <cstdint>
#include <initializer_list>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#endif

namespace sagedb {
namespace {

#if defined(__x86_64__)

// A processor's flag is not enough: a kernel or hypervisor that does not save the registers (XCR0) makes the instructions fault.
std::uint64_t saved_register_state() noexcept {
  std::uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

// Not __builtin_cpu_supports(): that needs clang's run-time library, which is not linked on Windows.
CpuFeatures detect() noexcept {
  CpuFeatures f;
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return f;
  f.sse42 = (c & bit_SSE4_2) != 0;
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

#else

CpuFeatures detect() noexcept {
  CpuFeatures f;
#if defined(__aarch64__) && defined(__APPLE__)
  f.crc32 = f.dotprod = true;  // since the first of these machines
#elif defined(__aarch64__) && defined(__linux__)
  const unsigned long available = ::getauxval(AT_HWCAP);
  f.crc32 = (available & HWCAP_CRC32) != 0;
  f.dotprod = (available & HWCAP_ASIMDDP) != 0;
#elif defined(__aarch64__) && defined(_WIN32)
  f.crc32 = ::IsProcessorFeaturePresent(PF_ARM_V8_CRC32_INSTRUCTIONS_AVAILABLE) != 0;
  f.dotprod = ::IsProcessorFeaturePresent(PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE) != 0;
#endif
  return f;
}

#endif

}  // namespace

const CpuFeatures& cpu_features() noexcept {
  static const CpuFeatures features = detect();
  return features;
}

std::vector<std::string> cpu_feature_names() {
  const CpuFeatures& f = cpu_features();
  std::vector<std::string> names;
  const auto add = [&names](bool present, std::initializer_list<const char*> group) {
    if (present) names.insert(names.end(), group.begin(), group.end());
  };
  add(f.sse42, {"sse4.2"});
  add(f.avx2, {"avx2", "fma", "f16c"});
  add(f.avx512, {"avx512f", "avx512bw", "avx512dq", "avx512vl"});
  add(f.avx512vnni, {"avx512vnni"});
#if defined(__aarch64__)
  names.push_back("neon");
#endif
  add(f.crc32, {"crc32"});
  add(f.dotprod, {"dotprod"});
  return names;
}

}  // namespace sagedb
