// Tells V8 how much native memory hangs on a database, so that the garbage collector feels its weight.
// Thread safety: measure() anywhere; report() and forget() on the JavaScript thread of one environment.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>

#include "engine/sage_db.h"

namespace sagedb {

class MemoryReport {
 public:
  // An attached environment shares the memory and does not report it a second time.
  explicit MemoryReport(bool owner) : owner_(owner) {}
  void measure(const SageDB& engine) noexcept {
    if (owner_) measured_.store(static_cast<std::int64_t>(engine.memory_bytes()), std::memory_order_relaxed);
  }
  void report(Napi::Env env) { change_to(env, measured_.load(std::memory_order_relaxed)); }
  void forget(Napi::Env env) { change_to(env, 0); }

 private:
  void change_to(Napi::Env env, std::int64_t bytes) {
    if (bytes == reported_) return;
    Napi::MemoryManagement::AdjustExternalMemory(env, bytes - reported_);
    reported_ = bytes;
  }

  const bool owner_;
  std::atomic<std::int64_t> measured_{0};
  std::int64_t reported_ = 0;  // JavaScript thread only
};

}  // namespace sagedb
