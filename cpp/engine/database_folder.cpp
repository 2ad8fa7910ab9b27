#include "engine/database_folder.h"

#include <algorithm>

#include "engine/stored_config.h"
#include "storage/log_writer.h"

namespace sagedb {
namespace {

constexpr const char* kLock = "LOCK";

void require_dimension(const Options& options) {
  if (options.dimension == 0 && !options.named())
    throw Error(ErrorCode::INVALID_ARGUMENT,
                "dimension: required, since there is no database at " + options.path + " yet");
}

// An empty log that nothing is appended to: the next open begins one of its own.
void write_sealed_log(Env& env, const std::string& dir, const Manifest& m) {
  LogStart start;
  start.database = m.database;
  start.number = m.log_number;
  start.last_sequence = m.sequence;
  LogWriter::create(env, dir, start)->seal();
}

OpenedFolder open_to_read(Env& env, Options* options) {
  const std::string& dir = options->path;
  OpenedFolder out;
  const bool there = env.exists(dir);
  if (!there || !has_database(env, dir)) {
    if (there) require_unused(env, dir);
    throw Error(ErrorCode::NOT_FOUND, "path: no database at " + dir);
  }
  with_current_manifest(env, dir, [&](Manifest&& manifest) { out.manifest = std::move(manifest); });
  resolve_config(out.manifest, dir, options);
  return out;
}

bool holds_only_lock(Env& env, const std::string& dir) {
  const std::vector<std::string> names = env.list(dir);
  return std::all_of(names.begin(), names.end(), [](const std::string& name) { return name == kLock; });
}

// The name that makes it a database first.
void empty_folder(Env& env, const std::string& dir) noexcept {
  try {
    std::vector<std::string> names = env.list(dir);
    std::stable_partition(names.begin(), names.end(), [](const std::string& name) { return name == "CURRENT"; });
    for (const std::string& name : names)
      if (name != kLock) discard(env, join_path(dir, name));
  } catch (...) {
    // What could not be listed stays.
  }
}

}  // namespace

OpenedFolder open_folder(Env& env, Options* options) {
  if (options->read_only) return open_to_read(env, options);
  const std::string& dir = options->path;
  const bool existed = env.exists(dir);
  if (!existed) require_dimension(*options);
  env.make_dir(dir);
  OpenedFolder out;
  out.lock = env.lock(join_path(dir, kLock));
  if (has_database(env, dir)) {
    out.manifest = read_writable_manifest(env, dir, &out.damaged_manifest);
    resolve_config(out.manifest, dir, options);
    return out;
  }
  require_unused(env, dir);
  require_dimension(*options);
  if (existed) sync_name(env, dir);
  Manifest& m = out.manifest;
  env.random_bytes(m.database.data(), m.database.size());
  store_config(*options, &m);
  m.log_number = m.generation = 1;
  write_sealed_log(env, dir, m);
  publish_manifest(env, dir, m);
  return out;
}

void write_folder(Env& env, const std::string& dir, Manifest manifest,
                  const std::function<void(Manifest*)>& write_segments) {
  const auto require_empty = [&] {
    if (!holds_only_lock(env, dir)) throw Error(ErrorCode::INVALID_ARGUMENT, "snapshot: " + dir + " is not empty");
  };
  const bool existed = env.exists(dir);
  env.make_dir(dir);
  require_empty();
  // Whoever writes there at the same time is no reason to remove what is theirs.
  const std::unique_ptr<FileLock> lock = env.lock(join_path(dir, kLock));
  require_empty();
  if (existed) sync_name(env, dir);
  try {
    write_segments(&manifest);
    write_sealed_log(env, dir, manifest);
    manifest.previous_generation = 0;
    publish_manifest(env, dir, manifest);
  } catch (...) {
    empty_folder(env, dir);
    throw;
  }
}

}  // namespace sagedb
