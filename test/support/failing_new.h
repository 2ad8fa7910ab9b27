// Makes the Nth allocation of the calling thread fail. operator new is replaced once for the unit test executable, in
// test/unit/engine/allocation_failure_test.cpp.
#pragma once

namespace sagedb::testing {

// `lasting`: the failure and all after it; `passing`: one only, as when other threads free memory meanwhile.
enum class Exhaustion { lasting, passing };
// Counts down allocations of this thread; the one that reaches zero throws std::bad_alloc. 0 switches it off.
void fail_allocation_after(long n, Exhaustion exhaustion = Exhaustion::lasting) noexcept;
// True when an allocation failed since the last call of fail_allocation_after().
bool allocation_failed() noexcept;

}  // namespace sagedb::testing
