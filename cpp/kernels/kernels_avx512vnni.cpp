// As kernels_avx512.cpp; the compiler's VNNI flag selects the dot-product instructions in the shared code.
#include "kernels/avx512_impl.h"
#include "kernels/kernel_tables.h"

#ifndef __AVX512VNNI__
#error "compile this file with -mavx512vnni"
#endif

namespace sagedb {

const KernelTable kAvx512VnniKernels = avx512_table("avx512vnni");

}  // namespace sagedb
