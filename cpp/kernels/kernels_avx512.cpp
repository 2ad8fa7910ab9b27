#include "kernels/avx512_impl.h"
#include "kernels/kernel_tables.h"

namespace sagedb {

const KernelTable kAvx512Kernels = avx512_table("avx512");

}  // namespace sagedb
