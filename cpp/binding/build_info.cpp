#include "binding/build_info.h"

#include <string>
#include <vector>

#include "base/cpu_features.h"
#include "base/executor.h"
#include "kernels/kernels.h"

namespace sagedb {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#elif defined(_MSC_VER)
  return "MSVC " + std::to_string(_MSC_VER);
#else
  return "unknown compiler";
#endif
}

std::string parallel() {
#if defined(_OPENMP) && !defined(SAGEDB_EXECUTOR_THREADS)
  const std::string executor = "OpenMP " + std::to_string(_OPENMP);
#else
  const std::string executor = "std::thread";
#endif
  return threads_are_pinned() ? executor + ", pinned" : executor;
}

}  // namespace

Napi::Value build_info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::size_t count = 0;
  const KernelTable* const* tables = supported_kernels(&count);
  Napi::Array names = Napi::Array::New(env, count);
  for (std::uint32_t i = 0; i < count; ++i) names.Set(i, tables[i]->name);
  const std::vector<std::string> found = cpu_feature_names();
  Napi::Array features = Napi::Array::New(env, found.size());
  for (std::uint32_t i = 0; i < found.size(); ++i) features.Set(i, found[i]);
  Napi::Object result = Napi::Object::New(env);
  result.Set("compiler", compiler());
  result.Set("parallel", parallel());
  result.Set("features", features);
  result.Set("kernels", names);
  result.Set("chosenKernels", kernels().name);
  return result;
}

}  // namespace sagedb
