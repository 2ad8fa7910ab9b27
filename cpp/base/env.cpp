#include "base/env.h"

#include <random>

#include "base/status.h"

namespace sagedb {
namespace {

#if defined(_WIN32)
bool is_separator(char c) noexcept { return c == '/' || c == '\\'; }
// Up to here a path names a root: `C:\`.
bool ends_drive(const std::string& path, std::size_t size) noexcept { return size == 3 && path[1] == ':'; }
#else
bool is_separator(char c) noexcept { return c == '/'; }
bool ends_drive(const std::string&, std::size_t) noexcept { return false; }
#endif

}  // namespace

void Env::will_read(const std::string&, std::uint64_t, std::uint64_t) noexcept {}

std::byte* Env::allocate_scratch(const std::string&, std::size_t) { return nullptr; }

bool Env::map_in_place(const std::string&, std::uint64_t, const std::byte*, std::size_t) noexcept { return false; }

void Env::random_bytes(void* out, std::size_t size) {
  auto* p = static_cast<unsigned char*>(out);
  std::random_device device;
  for (std::size_t i = 0; i < size; ++i) p[i] = static_cast<unsigned char>(device());
}

void sync_name(Env& env, const std::string& dir) {
  try {
    env.sync_dir(parent_path(dir));
  } catch (const Error& e) {
    // Whoever made it has rights of its own above it, and nothing of ours stands there.
    if (e.code() != ErrorCode::PERMISSION_DENIED) throw;
  }
}

void discard(Env& env, const std::string& path) noexcept {
  try {
    if (env.exists(path)) env.unlink(path);
  } catch (...) {
    // It takes space, and nobody reads it.
  }
}

std::string join_path(const std::string& dir, const std::string& name) {
  return dir.empty() || is_separator(dir.back()) ? dir + name : dir + "/" + name;
}

std::string parent_path(const std::string& path) {
  const auto is_root = [&](std::size_t size) { return size == 1 || ends_drive(path, size); };
  std::size_t end = path.size();
  while (end > 0 && is_separator(path[end - 1]) && !is_root(end)) --end;
  if (end > 0 && is_separator(path[end - 1])) return path.substr(0, end);
  std::size_t slash = end;
  while (slash > 0 && !is_separator(path[slash - 1])) --slash;
  if (slash == 0) return ".";
  return path.substr(0, is_root(slash) ? slash : slash - 1);
}

}  // namespace sagedb
