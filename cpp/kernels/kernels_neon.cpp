#include "kernels/kernel_tables.h"
#include "kernels/neon_impl.h"

namespace sagedb {

const KernelTable kNeonKernels = neon_table("neon");

}  // namespace sagedb
