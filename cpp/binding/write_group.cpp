#include "binding/write_group.h"

#include <thread>
#include <utility>

#include "binding/addon_data.h"
#include "binding/js_args.h"
#include "binding/js_errors.h"

namespace sagedb {
namespace {

// Memory of an abandoned bulk load is given back on a thread of its own: unmapping gigabytes takes longer than a frame.
constexpr std::size_t kLarge = std::size_t{16} << 20;

void discard(PendingOp op) noexcept {
  if (op.op.vectors.size() * sizeof(float) < kLarge) return;
  try {
    std::thread([held = std::move(op)]() mutable { held = PendingOp(); }).detach();
  } catch (...) {
    // No thread to be had: the caller pays.
  }
}

}  // namespace

Napi::Function WriteGroup::define(Napi::Env env) {
  return DefineClass(env, "WriteGroup",
                     {InstanceMethod<&WriteGroup::begin>("begin"), InstanceMethod<&WriteGroup::extend>("extend"),
                      InstanceMethod<&WriteGroup::pop>("pop")});
}

WriteGroup::WriteGroup(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WriteGroup>(info) {}

std::vector<PendingOp> WriteGroup::take() { return std::exchange(ops_, {}); }

Napi::Value WriteGroup::begin(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    PendingOp pending;
    pending.op.kind =
        static_cast<WriteOp::Kind>(read_count(info[0], "kind", static_cast<int>(WriteOp::Kind::replace_where)));
    pending.op.count = read_count(info[1], "count", std::uint64_t{1} << 40);
    if (!info[2].IsUndefined()) pending.filter = read_text(env, info[2], "filter");
    pending.task = read_task(info[3]);
    // Room for the whole operation now: growing by halves would copy on the JavaScript thread what is already there.
    if (!info[4].IsUndefined())
      pending.op.vectors =
          env.GetInstanceData<AddonData>()->spare->take(read_count(info[4], "floats", std::uint64_t{1} << 40));
    if (pending.task) pending.op.cancel = std::shared_ptr<const CancelToken>(pending.task, &pending.task->cancel);
    ops_.push_back(std::move(pending));
    return env.Undefined();
  });
}

Napi::Value WriteGroup::extend(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (ops_.empty()) throw Error(ErrorCode::INTERNAL, "extend: no operation was begun");
    WriteOp& op = ops_.back().op;
    if (!info[0].IsUndefined()) {
      const FloatSpan span = read_floats(info[0], "vectors");
      op.vectors.insert(op.vectors.end(), span.data, span.data + span.size);
    }
    if (!info[1].IsUndefined()) read_ids(info[1], op.ids);
    if (!info[2].IsUndefined()) read_texts(info[2], "metadata", op.metadata);
    if (!info[3].IsUndefined()) {
      const SetSpan given = read_sets(info[3], "given");
      op.given.insert(op.given.end(), given.data, given.data + given.size);
    }
    return env.Undefined();
  });
}

Napi::Value WriteGroup::pop(const Napi::CallbackInfo& info) {
  if (!ops_.empty()) {
    discard(std::move(ops_.back()));
    ops_.pop_back();
  }
  return info.Env().Undefined();
}

}  // namespace sagedb
