// How much of a test is run: numbers that longer or shorter runs set in the environment, and less under a sanitizer.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace sagedb::testing {

inline std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

#if defined(__has_feature)
#define SAGEDB_CLANG_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SAGEDB_CLANG_SANITIZED 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || SAGEDB_CLANG_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

// Under a sanitizer everything takes ten times as long, and what it looks for shows in fewer repetitions.
constexpr int repetitions(int all) { return kSanitized ? (all + 4) / 5 : all; }

// Sweeps over failures look at every so many-th of them.
inline std::uint64_t sweep_stride() { return setting("SAGEDB_SWEEP_STRIDE", kSanitized ? 5 : 1); }

}  // namespace sagedb::testing
