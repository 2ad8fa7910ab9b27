// Reads everything that a manifest names and verifies every checksum: segments, the manifest itself, the chain of logs.
//
// Thread safety: functions on values.
#pragma once

#include <string>

#include "base/cancel.h"
#include "storage/manifest.h"

namespace sagedb {

// Throws CORRUPTION, ABORTED, I/O errors. `progress` counts blocks of segments.
void verify_folder(Env& env, const std::string& dir, const Manifest& manifest, Progress* progress,
                   const CancelToken* cancel);

}  // namespace sagedb
