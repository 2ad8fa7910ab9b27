// As kernels_neon.cpp; the compiler's dot-product flag selects those instructions in the shared code.
#include "kernels/kernel_tables.h"
#include "kernels/neon_impl.h"

#ifndef __ARM_FEATURE_DOTPROD
#error "compile this file with -march=armv8.2-a+dotprod"
#endif

namespace sagedb {

const KernelTable kNeonDotKernels = neon_table("neondot");

}  // namespace sagedb
