// Lock tracer of the design document: with -DDEBUG_LOCKS every wait and hold longer than SAGEDB_LOCK_TRACE_US
// microseconds (default 1000) is printed to stderr with the lock's name and thread. Compiles to nothing otherwise.
#pragma once

#ifdef DEBUG_LOCKS
#include <chrono>
#endif

namespace sagedb {

class LockTrace {
 public:
#ifdef DEBUG_LOCKS
  class Wait {
   public:
    explicit Wait(const char* name) : name_(name), start_(std::chrono::steady_clock::now()) {}
    void acquired() noexcept;

   private:
    const char* name_;
    std::chrono::steady_clock::time_point start_;
  };
  static void released(const char* name) noexcept;
#else
  class Wait {
   public:
    explicit Wait(const char*) {}
    void acquired() noexcept {}
  };
  static void released(const char*) noexcept {}
#endif
};

}  // namespace sagedb
