#include "base/executor.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__APPLE__)
#include <pthread.h>
#elif defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#endif

#ifndef SAGEDB_EXECUTOR_THREADS
#include "base/spare_threads.h"
#endif

namespace sagedb {
namespace {

#if defined(__linux__) || defined(_WIN32)
constexpr bool kCanPin = true;
#else
constexpr bool kCanPin = false;
#endif

// Shared by both executors: hands out pieces, keeps the first exception, stops handing out after it.
class Pieces {
 public:
  Pieces(std::size_t count, std::size_t grain, const std::function<void(std::size_t, std::size_t, int)>& body)
      : count_(count), grain_(grain), body_(body) {}

  void work(int worker) noexcept {
    for (;;) {
      const std::size_t begin = next_.fetch_add(grain_, std::memory_order_relaxed);
      if (begin >= count_) return;
      try {
        body_(begin, std::min(begin + grain_, count_), worker);
      } catch (...) {
        next_.store(count_, std::memory_order_relaxed);
        std::lock_guard<std::mutex> lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    }
  }
  void rethrow() {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  const std::size_t count_;
  const std::size_t grain_;
  const std::function<void(std::size_t, std::size_t, int)>& body_;
  std::atomic<std::size_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr error_;
};

std::atomic<bool>& pinning() noexcept {
  static std::atomic<bool> on{[] {
    const char* wanted = std::getenv("SAGEDB_PIN_THREADS");
    return wanted != nullptr && std::strcmp(wanted, "1") == 0 && kCanPin;
  }()};
  return on;
}

// Binds the calling thread, which belongs to a team, to the next processor of those it may run on.
void pin_this_thread() noexcept {
  thread_local bool pinned = false;
  if (pinned || !pinning().load(std::memory_order_relaxed)) return;
  pinned = true;
  static std::atomic<unsigned> turn{0};
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  const auto count = static_cast<unsigned>(CPU_COUNT(&allowed));
  if (count < 2) return;
  // The first processor is left to the thread that calls: a team of all processors has one thread less to bind.
  unsigned skip = (1 + turn.fetch_add(1, std::memory_order_relaxed)) % count;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || skip-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
#elif defined(_WIN32)
  DWORD_PTR allowed = 0, system = 0;
  if (!GetProcessAffinityMask(GetCurrentProcess(), &allowed, &system) || allowed == 0) return;
  unsigned count = 0;
  for (DWORD_PTR bit = 1; bit != 0; bit <<= 1) count += (allowed & bit) != 0;
  unsigned skip = (1 + turn.fetch_add(1, std::memory_order_relaxed)) % count;
  for (DWORD_PTR bit = 1; bit != 0; bit <<= 1) {
    if ((allowed & bit) == 0 || skip-- > 0) continue;
    SetThreadAffinityMask(GetCurrentThread(), bit);
    return;
  }
#endif
}

#ifndef SAGEDB_EXECUTOR_THREADS
// Batches of many sizes lead teams of many sizes: to look before each would double what their threads cost.
constexpr std::chrono::milliseconds kSeenLately{10};

// What libgomp can have of a team. It keeps the threads of the last team that a thread led and lets others go; where it cannot make those that it
// lacks, it ends the process.
int team_to_be_had(int team) noexcept {
  using Clock = std::chrono::steady_clock;
  thread_local int last = 1, seen = 1;
  thread_local Clock::time_point when;
  if (team > last && (team > seen || Clock::now() - when > kSeenLately)) {
    team = seen = last + spare_threads(team - last);
    when = Clock::now();
  }
  if (team > 1) last = team;
  return team;
}
#endif

}  // namespace

void pin_threads(bool on) noexcept { pinning().store(on && kCanPin, std::memory_order_relaxed); }
bool threads_are_pinned() noexcept { return pinning().load(std::memory_order_relaxed); }

int hardware_threads() noexcept {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

void parallel_for(std::size_t count, std::size_t grain, int threads,
                  const std::function<void(std::size_t, std::size_t, int)>& body) {
  if (count == 0) return;
  grain = std::max<std::size_t>(1, grain);
  const std::size_t pieces = (count + grain - 1) / grain;
  int team = static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(std::max(1, threads)), pieces));
#ifndef SAGEDB_EXECUTOR_THREADS
  team = team_to_be_had(team);
#endif
  if (team == 1) {
    body(0, count, 0);
    return;
  }
  Pieces work(count, grain, body);
#ifdef SAGEDB_EXECUTOR_THREADS
  std::vector<std::thread> others;
  others.reserve(static_cast<std::size_t>(team - 1));
  for (int w = 1; w < team; ++w) {
    try {
      others.emplace_back([&work, w] {
        pin_this_thread();
        work.work(w);
      });
    } catch (...) {
      break;  // fewer threads than asked for: the rest of the team does the work
    }
  }
  work.work(0);
  for (auto& t : others) t.join();
#else
#pragma omp parallel for num_threads(team) schedule(static, 1)
  for (int w = 0; w < team; ++w) {
    if (w > 0) pin_this_thread();
    work.work(w);
  }
#endif
  work.rethrow();
}

void lower_thread_priority() noexcept {
#if defined(__linux__)
  // Batch threads have the same share of the processor, but do not interrupt others when they wake up; and who asks for long turns (Linux 6.12)
  // is interrupted at once by those who do not. On Linux all of it belongs to the thread, which 0 stands for.
  struct Attributes {  // struct sched_attr, which old C libraries do not declare
    std::uint32_t size, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime, deadline, period;
  };
  const int nice = std::max(5, getpriority(PRIO_PROCESS, 0));
  const Attributes attributes = {sizeof(Attributes), SCHED_BATCH, 0, nice, 0, 100'000'000, 0, 0};
  static_assert(sizeof(Attributes) == 48, "SCHED_ATTR_SIZE_VER0");
  if (syscall(SYS_sched_setattr, 0, &attributes, 0) == 0) return;
  const sched_param none{};
  sched_setscheduler(0, SCHED_BATCH, &none);
  setpriority(PRIO_PROCESS, 0, nice);
#elif defined(__APPLE__)
  pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0);
#elif defined(_WIN32)
  SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL);
#endif
}

}  // namespace sagedb
