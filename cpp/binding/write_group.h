// Write operations on their way to one group commit: filled on the JavaScript thread, applied on a job thread.
// Thread safety: used by one thread at a time; apply takes the contents away.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "binding/task.h"
#include "engine/sage_db.h"

namespace sagedb {

// An operation whose filter is still text: it is parsed off the JavaScript thread.
struct PendingOp {
  WriteOp op;
  std::string filter;
  TaskPtr task;
};

class WriteGroup : public Napi::ObjectWrap<WriteGroup> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit WriteGroup(const Napi::CallbackInfo& info);

  std::vector<PendingOp> take();

 private:
  // begin(kind, count, filter | undefined, task | undefined, floats | undefined): starts an operation of `count` rows or ids,
  // with room for `floats` components.
  Napi::Value begin(const Napi::CallbackInfo& info);
  // extend(vectors | undefined, ids | undefined, metadata | undefined, given | undefined): appends to the operation begun last. With named
  // spaces `given` (Uint32Array) says which of them each row brings.
  Napi::Value extend(const Napi::CallbackInfo& info);
  // pop(): takes the operation begun last away.
  Napi::Value pop(const Napi::CallbackInfo& info);

  std::vector<PendingOp> ops_;
};

}  // namespace sagedb
