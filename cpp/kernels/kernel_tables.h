// One table per instruction set, each defined in its own file; only kernels.cpp chooses among them.
#pragma once

#include "kernels/kernels.h"

namespace sagedb {

extern const KernelTable kScalarKernels;
#if defined(__x86_64__)
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
extern const KernelTable kAvx512VnniKernels;
#elif defined(__aarch64__)
extern const KernelTable kNeonKernels;
extern const KernelTable kNeonDotKernels;
#endif

}  // namespace sagedb
