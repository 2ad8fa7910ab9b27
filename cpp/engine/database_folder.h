// The folder of a database: found or made, locked, and written as a whole for a copy.
//
// Thread safety: functions on values.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/options.h"
#include "storage/manifest.h"

namespace sagedb {

struct OpenedFolder {
  std::unique_ptr<FileLock> lock;  // null: read-only
  Manifest manifest;
  std::optional<CurrentName> damaged_manifest;  // an older one was opened in its place
};

// Locks the folder (unless read-only), makes the database when there is none, and resolves `options` with what is stored. Throws LOCKED, NOT_FOUND,
// CONFIG_MISMATCH, UNSUPPORTED_FORMAT, CORRUPTION, INVALID_ARGUMENT (then nothing was made) and I/O errors.
OpenedFolder open_folder(Env& env, Options* options);

// A database in the empty or new folder `dir`: `write_segments` writes there what the manifest then names. When something fails, no file of it stays.
// Throws INVALID_ARGUMENT when the folder holds anything, LOCKED when somebody else is at work in it, and I/O errors.
void write_folder(Env& env, const std::string& dir, Manifest manifest,
                  const std::function<void(Manifest* manifest)>& write_segments);

}  // namespace sagedb
