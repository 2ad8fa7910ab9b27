// Configuration that is stored with the data.
#pragma once

#include <string>

#include "engine/sage_db.h"
#include "storage/manifest.h"

namespace sagedb {

void store_config(const Options& options, Manifest* manifest);
// Replaces what `options` leaves open by what is stored. Throws CONFIG_MISMATCH naming both values.
void resolve_config(const Manifest& manifest, const std::string& path, Options* options);

}  // namespace sagedb
