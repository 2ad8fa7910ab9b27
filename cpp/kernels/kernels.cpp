#include "kernels/kernels.h"

#include <cstdlib>
#include <cstring>

#include "base/cpu_features.h"
#include "kernels/kernel_tables.h"

namespace sagedb {
namespace {

struct Supported {
  const KernelTable* tables[5] = {};
  std::size_t count = 0;
  const KernelTable* chosen = nullptr;

  void add(const KernelTable& table) noexcept { tables[count++] = &table; }
};

Supported detect() noexcept {
  Supported s;
  [[maybe_unused]] const CpuFeatures& cpu = cpu_features();
#if defined(__x86_64__)
  if (cpu.avx512vnni) s.add(kAvx512VnniKernels);
  if (cpu.avx512) s.add(kAvx512Kernels);
  if (cpu.avx2) s.add(kAvx2Kernels);
#elif defined(__aarch64__)
  if (cpu.dotprod) s.add(kNeonDotKernels);
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
