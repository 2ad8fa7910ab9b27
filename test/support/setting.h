// Numbers that longer or shorter runs of a test set in the environment.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace sagedb::testing {

inline std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Sweeps over failures look at every so many-th of them: all, but under sanitizers, where each takes ten times as long.
inline std::uint64_t sweep_stride() { return setting("SAGEDB_SWEEP_STRIDE", 1); }

}  // namespace sagedb::testing
