// What this binary is and what it chose at load time; for `sagedb doctor` and bug reports.
#pragma once

#include <napi.h>

namespace sagedb {

// buildInfo() -> { compiler, parallel, chosenKernels, kernels: all that this processor runs, best first }.
Napi::Value build_info(const Napi::CallbackInfo& info);

}  // namespace sagedb
