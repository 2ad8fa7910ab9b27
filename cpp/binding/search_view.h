// What several batches of searches see together: one state of the database.
// Thread safety: JavaScript thread; jobs hold the snapshot itself.
#pragma once

#include <napi.h>

#include <memory>

#include "engine/sage_db.h"

namespace sagedb {

using ViewPtr = std::shared_ptr<const Snapshot>;

// An External. It keeps replaced indexes in memory until releaseView(external).
Napi::Value make_view(Napi::Env env, ViewPtr view);
// undefined -> null. Throws INVALID_ARGUMENT for anything that is no view.
ViewPtr read_view(const Napi::Value& value);

void export_view_functions(Napi::Env env, Napi::Object exports);

}  // namespace sagedb
