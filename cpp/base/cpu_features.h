// What this processor and its operating system offer beyond the platform's minimum; found out once.
#pragma once

#include <string>
#include <vector>

namespace sagedb {

struct CpuFeatures {
  // x86-64
  bool sse42 = false;
  bool avx2 = false;        // AVX2, FMA and F16C, and the system saves the wide registers
  bool avx512 = false;      // F, BW, DQ and VL, and the system saves the 512-bit and mask registers
  bool avx512vnni = false;  // VNNI on top of that
  // arm64
  bool crc32 = false;
  bool dotprod = false;
};

const CpuFeatures& cpu_features() noexcept;

// Their usual names.
std::vector<std::string> cpu_feature_names();

}  // namespace sagedb
