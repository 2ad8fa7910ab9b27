// Entry point of the addon.
#include <napi.h>

#include <algorithm>
#include <cstdlib>

#include "base/executor.h"
#include "base/status.h"
#include "binding/addon_data.h"
#include "binding/build_info.h"
#include "binding/database.h"
#include "binding/js_args.h"
#include "binding/js_errors.h"
#include "binding/loop_turner.h"
#include "binding/pin_module.h"
#include "binding/task.h"
#include "binding/write_group.h"

namespace sagedb {
namespace {

#if defined(__GNUC__) && !defined(_WIN32)
// OpenMP's idle threads spin for milliseconds after every region, on the cores that the event loop and the next search need. Read by
// a run time that is linked into the addon; for one in a shared library, which starts first, lib/native.ts does the same.
__attribute__((constructor(101))) void let_idle_threads_sleep() { setenv("OMP_WAIT_POLICY", "PASSIVE", 0); }
#endif

Napi::Value error_codes(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
#define SAGEDB_X(name) names.Set(names.Length(), error_code_name(ErrorCode::name));
  SAGEDB_ERROR_CODES(SAGEDB_X)
#undef SAGEDB_X
  return names;
}

// checkRows(values, length, dimension, refuseZero) -> see check_rows.
Napi::Value js_check_rows(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const FloatSpan span = read_floats(info[0], "values");
    const std::size_t length = std::min<std::size_t>(span.size, read_count(info[1], "length", kMaxSafeInteger));
    const std::size_t dimension = std::max<std::size_t>(1, read_count(info[2], "dimension", kMaxSafeInteger));
    return Napi::Number::New(info.Env(),
                             static_cast<double>(check_rows(span.data, length, dimension, info[3].ToBoolean())));
  });
}

Napi::Value create_write_group(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return info.Env().GetInstanceData<AddonData>()->write_group.New({}); });
}

}  // namespace

Napi::Object init(Napi::Env env, Napi::Object exports) {
  pin_module();
  auto* data = new AddonData();
  env.SetInstanceData(data);
  env.AddCleanupHook([state = data->state] { state->exiting = true; });
  data->database = Napi::Persistent(Database::define(env));
  data->write_group = Napi::Persistent(WriteGroup::define(env));
  Database::export_functions(env, exports);
  export_task_functions(env, exports);
  export_loop_functions(env, exports);
  exports.Set("errorCodes", Napi::Function::New(env, error_codes, "errorCodes"));
  exports.Set("checkRows", Napi::Function::New(env, js_check_rows, "checkRows"));
  exports.Set("answerBuffer", Napi::Function::New(
                                  env,
                                  [](const Napi::CallbackInfo& info) -> Napi::Value {
                                    return info.Env().GetInstanceData<AddonData>()->answers.to_js(info.Env());
                                  },
                                  "answerBuffer"));
  exports.Set("createWriteGroup", Napi::Function::New(env, create_write_group, "createWriteGroup"));
  exports.Set("buildInfo", Napi::Function::New(env, build_info, "buildInfo"));
  exports.Set("reportedMemory", Napi::Function::New(
                                    env,
                                    [](const Napi::CallbackInfo& info) -> Napi::Value {
                                      const std::int64_t bytes =
                                          Napi::MemoryManagement::AdjustExternalMemory(info.Env(), 0);
                                      return Napi::Number::New(info.Env(), static_cast<double>(bytes));
                                    },
                                    "reportedMemory"));
  exports.Set("hardwareThreads", Napi::Function::New(
                                     env,
                                     [](const Napi::CallbackInfo& info) -> Napi::Value {
                                       return Napi::Number::New(info.Env(), hardware_threads());
                                     },
                                     "hardwareThreads"));
  return exports;
}

}  // namespace sagedb

// The macro pastes the function's name into others and takes no qualified one.
static Napi::Object init_addon(Napi::Env env, Napi::Object exports) { return sagedb::init(env, exports); }
NODE_API_MODULE(sagedb, init_addon)
