// How much memory there is for this process.
#pragma once

#include <cstdint>
#include <string>

namespace sagedb {

// Memory that the system could give without swapping, as far as it says, and no more than memory_limit(); 0: unknown.
std::uint64_t available_memory() noexcept;

// The least limit in bytes that the control groups of a process set, version 1 or 2, and those above them; UINT64_MAX: none, or none that can be seen. `groups`:
// the process's list of them, `mount`: where they are (cgroups(7)).
std::uint64_t memory_limit(const std::string& groups, const std::string& mount);

}  // namespace sagedb
