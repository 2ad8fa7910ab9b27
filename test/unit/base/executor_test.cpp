#include "base/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/spare_threads.h"
#include "support/setting.h"

#if defined(__linux__)
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace sagedb {
namespace {

// Runs a team whose workers all take part; each tells what `ask` gives on its thread.
template <typename T>
std::vector<T> of_every_worker(int threads, T (*ask)()) {
  std::vector<T> told(static_cast<std::size_t>(threads));
  std::atomic<int> arrived{0};
  parallel_for(static_cast<std::size_t>(threads), 1, threads, [&](std::size_t, std::size_t, int worker) {
    told[static_cast<std::size_t>(worker)] = ask();
    ++arrived;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (arrived < threads && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  });
  return told;
}

#if defined(__linux__)
int allowed_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  return CPU_COUNT(&set);
}

// Property: bound threads have one processor each, the calling thread keeps all of its own, and nothing is bound unless asked.
TEST(Executor, PinsTheThreadsOfATeamButNotTheCaller) {
  const int processors = hardware_threads();
  if (processors < 2) GTEST_SKIP() << "needs two processors";
  // In threads of its own: bound threads stay bound, and this program has other tests.
  std::thread([&] {
    EXPECT_EQ(of_every_worker(2, allowed_processors), (std::vector<int>{processors, processors}));
  }).join();
  std::thread([&] {
    pin_threads(true);
    EXPECT_TRUE(threads_are_pinned());
    EXPECT_EQ(of_every_worker(2, allowed_processors), (std::vector<int>{processors, 1}));
    EXPECT_EQ(of_every_worker(2, allowed_processors), (std::vector<int>{processors, 1}));
    pin_threads(false);
  }).join();
  EXPECT_EQ(hardware_threads(), processors);
}

// Property: background threads are batch threads of a lower priority, those they start, too; others stay as they were.
TEST(Executor, BackgroundThreadsAskForLess) {
  const int before = getpriority(PRIO_PROCESS, 0);
  std::thread([&] {
    lower_thread_priority();
    EXPECT_EQ(sched_getscheduler(0), SCHED_BATCH);
    EXPECT_EQ(getpriority(PRIO_PROCESS, 0), std::max(5, before));
    std::thread([] { EXPECT_EQ(sched_getscheduler(0), SCHED_BATCH); }).join();
  }).join();
  EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), before);
}
#endif

// Property: every index is handed out once, whatever the pieces; the first exception comes back.
TEST(Executor, EveryIndexOnceAndExceptionsComeBack) {
  for (const std::size_t grain : {1u, 7u, 1000u}) {
    std::vector<std::atomic<int>> seen(501);
    parallel_for(seen.size(), grain, 3, [&](std::size_t begin, std::size_t end, int) {
      for (std::size_t i = begin; i < end; ++i) ++seen[i];
    });
    for (const auto& s : seen) EXPECT_EQ(s, 1);
  }
  EXPECT_THROW(parallel_for(100, 1, 2,
                            [](std::size_t begin, std::size_t, int) {
                              if (begin == 50) throw 7;
                            }),
               int);
}

TEST(Executor, SpareThreadsOfNothing) {
  for (const int wanted : {0, -1}) EXPECT_EQ(spare_threads(wanted), 0);
  EXPECT_EQ(spare_threads(3), 3);
}

#if defined(__linux__)
// Property: as many threads as the system lets the process have are found, and they no longer count when the call returns. Root may have any number, so this is
// done as a user who has no other processes.
TEST(Executor, SpareThreadsAreThoseOfTheLimitAndGoAtOnce) {
  if (testing::kSanitized) GTEST_SKIP() << "sanitizers have threads of their own, which count";
  if (::geteuid() != 0) GTEST_SKIP() << "NO LIMIT OF THREADS: becoming another user needs root";
  constexpr int kRoom = 2;
  constexpr uid_t kNobody = 65530;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit limit{1 + kRoom, 1 + kRoom};
    if (::setuid(kNobody) != 0 || ::setrlimit(RLIMIT_NPROC, &limit) != 0) ::_exit(2);
    if (spare_threads(kRoom + 5) != kRoom) ::_exit(1);
    // Of 1,000 calls on two idle processors one would find threads of the call before.
    for (int call = 0; call < 10000; ++call)
      if (spare_threads(kRoom) != kRoom) ::_exit(1);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "1: another number; 2: no limit could be set";
}
#endif

}  // namespace
}  // namespace sagedb
