#include "base/spare_threads.h"

#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace sagedb {
namespace {

#if defined(__linux__)
using SystemId = long;
constexpr int kTurns = 1000;

SystemId id_of_this_thread() noexcept { return ::syscall(SYS_gettid); }

// A thread that was joined counts towards the limits until the system has forgotten it, a few microseconds later.
void wait_until_gone(SystemId id) noexcept {
  for (int turn = 0; turn < kTurns && ::syscall(SYS_tgkill, ::getpid(), id, 0) == 0; ++turn) std::this_thread::yield();
}
#else
using SystemId = int;
SystemId id_of_this_thread() noexcept { return 0; }
void wait_until_gone(SystemId) noexcept {}
#endif

}  // namespace

int spare_threads(int wanted) noexcept {
  const auto most = static_cast<std::size_t>(wanted > 0 ? wanted : 0);
  std::vector<SystemId> ids;
  std::vector<std::thread> threads;
  std::mutex all_there;
  try {
    ids.resize(most);
    threads.reserve(most);
    std::lock_guard<std::mutex> hold(all_there);
    while (threads.size() < most) {
      threads.emplace_back([&all_there, id = &ids[threads.size()]] {
        *id = id_of_this_thread();
        std::lock_guard<std::mutex> wait(all_there);
      });
    }
  } catch (...) {
    // As many as there are.
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < threads.size(); ++i) wait_until_gone(ids[i]);
  return static_cast<int>(threads.size());
}

}  // namespace sagedb
