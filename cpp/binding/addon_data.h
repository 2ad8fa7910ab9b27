// What one environment (main thread or worker thread) keeps of the addon.
// Thread safety: JavaScript thread of the environment only.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/spare_buffer.h"

namespace sagedb {

struct EnvironmentState {
  bool exiting = false;  // set by the clean-up hook, before any object is finalised
};

struct AddonData {
  Napi::FunctionReference database;
  Napi::FunctionReference write_group;
  const std::shared_ptr<SpareBuffer> spare = std::make_shared<SpareBuffer>();
  std::shared_ptr<EnvironmentState> state = std::make_shared<EnvironmentState>();
};

}  // namespace sagedb
