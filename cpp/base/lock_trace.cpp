#include "base/lock_trace.h"

#ifdef DEBUG_LOCKS
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <unordered_map>

namespace sagedb {
namespace {

using Clock = std::chrono::steady_clock;

long threshold_us() noexcept {
  static const long value = [] {
    const char* text = std::getenv("SAGEDB_LOCK_TRACE_US");
    return text != nullptr ? std::atol(text) : 1000L;
  }();
  return value;
}

std::unordered_map<const char*, Clock::time_point>& held() {
  static thread_local std::unordered_map<const char*, Clock::time_point> map;
  return map;
}

void report(const char* what, const char* name, Clock::duration d) noexcept {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(d).count();
  if (us < threshold_us()) return;
  std::fprintf(stderr, "[sagedb lock] thread %zu %s %s for %lld us\n",
               std::hash<std::thread::id>()(std::this_thread::get_id()), what, name, static_cast<long long>(us));
}

}  // namespace

void LockTrace::Wait::acquired() noexcept {
  const auto now = Clock::now();
  report("waited for", name_, now - start_);
  held()[name_] = now;
}

void LockTrace::released(const char* name) noexcept {
  auto it = held().find(name);
  if (it == held().end()) return;
  report("held", name, Clock::now() - it->second);
  held().erase(it);
}

}  // namespace sagedb
#endif
