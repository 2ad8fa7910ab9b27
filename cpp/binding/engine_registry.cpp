#include "binding/engine_registry.h"

#include <utility>

#ifdef _WIN32
#include <process.h>
#define getpid _getpid
#else
#include <unistd.h>
#endif

namespace sagedb {

EngineRegistry& EngineRegistry::instance() {
  static auto* const registry = new EngineRegistry();
  return *registry;
}

std::string EngineRegistry::add(const std::shared_ptr<SageDB>& engine) {
  MutexLock lock(mutex_);
  for (auto it = engines_.begin(); it != engines_.end();)
    it = it->second.expired() ? engines_.erase(it) : std::next(it);
  std::string handle = "sagedb-" + std::to_string(getpid()) + "-" + std::to_string(++last_);
  engines_.emplace(handle, engine);
  return handle;
}

std::shared_ptr<SageDB> EngineRegistry::find(const std::string& handle) {
  std::shared_ptr<SageDB> engine;
  {
    MutexLock lock(mutex_);
    const auto found = engines_.find(handle);
    if (found != engines_.end()) engine = found->second.lock();
  }
  if (!engine || engine->closed()) {
    throw Error(ErrorCode::NOT_FOUND, "handle: no database of this process is open under '" + handle + "'");
  }
  return engine;
}

}  // namespace sagedb
