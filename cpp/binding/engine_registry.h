// Open engines of this process by handle, so that worker threads can attach to one copy of the data.
//
// Thread safety: self-synchronised.
// Invariants: holds weak references only: the last environment that lets go of an engine ends it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "engine/sage_db.h"

namespace sagedb {

class EngineRegistry {
 public:
  // Never destroyed: worker threads may still look up handles while the process exits.
  static EngineRegistry& instance();

  // Names the process, so that a handle sent to another process is recognised there.
  std::string add(const std::shared_ptr<SageDB>& engine);
  // Throws NOT_FOUND.
  std::shared_ptr<SageDB> find(const std::string& handle);

 private:
  EngineRegistry() = default;
  Mutex mutex_{"engine_registry"};
  std::uint64_t last_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::weak_ptr<SageDB>> engines_ GUARDED_BY(mutex_);
};

}  // namespace sagedb
