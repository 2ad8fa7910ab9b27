// Data-parallel loops. OpenMP in shipped builds; plain std::thread when SAGEDB_EXECUTOR_THREADS is defined (ThreadSanitizer
// does not understand libgomp's barriers). No exception leaves a parallel region: the first one is rethrown on the caller.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

namespace sagedb {

// About what it costs to put a thread to sleep and to wake it.
inline constexpr std::chrono::microseconds kThreadWake{50};

// Number of processors this process may run on (affinity mask respected), at least 1.
int hardware_threads() noexcept;

// Calls body(begin, end, worker) on disjoint sub-ranges of [0, count), dynamically scheduled in pieces of `grain`.
// worker is in [0, threads): use it to index state made by the caller for this one call only.
// threads <= 1 or count <= grain runs on the calling thread.
void parallel_for(std::size_t count, std::size_t grain, int threads,
                  const std::function<void(std::size_t begin, std::size_t end, int worker)>& body);

// Where the system can (Linux, Windows): from now on every thread of a team, but for the calling ones, is bound to a processor of its own when it
// first gets work, in turn over those the process may use, for good. Of the whole process, because its threads serve every engine.
void pin_threads(bool on) noexcept;
bool threads_are_pinned() noexcept;

// Lowers the scheduling priority of the calling thread and of threads it starts later (background work yields to searches).
void lower_thread_priority() noexcept;

}  // namespace sagedb
