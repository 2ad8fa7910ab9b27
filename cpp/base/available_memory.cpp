#include "base/available_memory.h"

#include <algorithm>
#include <charconv>
#include <fstream>

namespace sagedb {
namespace {

constexpr std::uint64_t kNone = UINT64_MAX;

// «max» and what is no number are no limit.
std::uint64_t read_limit(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  std::uint64_t limit = kNone;
  if (file >> text) std::from_chars(text.data(), text.data() + text.size(), limit);
  return limit;
}

// Of the group and all above it. A container may see its own group as the root, whatever its path says.
std::uint64_t least_limit(const std::string& root, std::string path, const char* const* names, std::size_t count) {
  if (path.find("/..") != std::string::npos) path.clear();  // outside of what can be seen
  std::uint64_t least = kNone;
  for (;;) {
    for (std::size_t i = 0; i < count; ++i) least = std::min(least, read_limit(root + path + "/" + names[i]));
    if (path.empty()) return least;
    path.erase(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
  }
}

bool lists(const std::string& controllers, const std::string& name) {
  return ("," + controllers + ",").find("," + name + ",") != std::string::npos;
}

}  // namespace

std::uint64_t memory_limit(const std::string& groups, const std::string& mount) {
  constexpr const char* kSecond[] = {"memory.max", "memory.high"};
  constexpr const char* kFirst[] = {"memory.limit_in_bytes"};
  std::uint64_t least = kNone;
  std::ifstream file(groups);
  // Each line is number:controllers:path; version 2 has the number 0 and no controllers.
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty()) {
      least = std::min(least, least_limit(mount, path, kSecond, 2));
    } else if (lists(controllers, "memory")) {
      least = std::min(least, least_limit(mount + "/memory", path, kFirst, 1));
    }
  }
  return least;
}

#if defined(__linux__)
std::uint64_t available_memory() noexcept {
  try {
    std::ifstream file("/proc/meminfo");
    for (std::string name, rest; file >> name; std::getline(file, rest)) {
      if (name != "MemAvailable:") continue;
      std::uint64_t kilobytes = 0;
      if (!(file >> kilobytes)) return 0;
      return std::min(kilobytes * 1024, memory_limit("/proc/self/cgroup", "/sys/fs/cgroup"));
    }
  } catch (...) {
    // No memory to find out: unknown.
  }
  return 0;
}
#else
std::uint64_t available_memory() noexcept { return 0; }
#endif

}  // namespace sagedb
