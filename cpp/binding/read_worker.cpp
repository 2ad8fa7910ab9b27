#include "binding/read_worker.h"

#include <utility>

#include "binding/js_args.h"
#include "binding/js_errors.h"

namespace sagedb {
namespace {

constexpr napi_type_tag kItemsTag = {0x5a6edb17e3500002ULL, 0x41c87f9a0be2d613ULL};

}  // namespace

ReadWorker::ReadWorker(const Napi::Function& callback, std::shared_ptr<const SageDB> engine, ReadRequest request)
    : Napi::AsyncWorker(callback, "SageDB.read"), engine_(std::move(engine)), request_(std::move(request)) {}

void ReadWorker::Execute() {
  try {
    read();
  } catch (...) {
    error_ = current_error();
  }
}

void ReadWorker::read() {
  std::shared_ptr<const Filter> filter;
  if (!request_.filter.empty()) filter = Filter::parse(request_.filter);
  switch (request_.kind) {
    case ReadRequest::Kind::get: {
      std::vector<Item> items;
      for (std::optional<Item>& item : engine_->get(request_.ids, true, request_.include_vector)) {
        found_.push_back(item.has_value() ? 1 : 0);
        if (item) items.push_back(std::move(*item));
      }
      items_ = std::make_unique<PackedItems>(std::move(items));
      break;
    }
    case ReadRequest::Kind::has:
      for (const bool found : engine_->has(request_.ids)) found_.push_back(found ? 1 : 0);
      break;
    case ReadRequest::Kind::count:
      count_ = engine_->count(filter.get());
      break;
    case ReadRequest::Kind::find:
      items_ = std::make_unique<PackedItems>(
          engine_->find(filter.get(), request_.limit, request_.offset, request_.include_vector));
      break;
  }
}

void ReadWorker::OnOK() {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);
  if (error_) {
    Callback().Call({to_js_error(env, *error_).Value()});
    return;
  }
  const Napi::Value value = request_.kind == ReadRequest::Kind::count
                                ? Napi::Value(Napi::Number::New(env, static_cast<double>(count_)))
                                : bytes_to_js(env, found_);
  if (!items_) {
    Callback().Call({env.Null(), value});
    return;
  }
  const auto pieces = static_cast<double>(items_->pieces());
  auto external = Napi::External<PackedItems>::New(env, items_.get(), [](Napi::Env, PackedItems* p) { delete p; });
  items_.release();
  external.TypeTag(&kItemsTag);
  Callback().Call({env.Null(), value, external, Napi::Number::New(env, pieces)});
}

Napi::Value take_items(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsExternal()) throw Error(ErrorCode::INVALID_ARGUMENT, "items: expected the items of a read");
    const auto external = info[0].As<Napi::External<PackedItems>>();
    if (!external.CheckTypeTag(&kItemsTag)) throw Error(ErrorCode::INVALID_ARGUMENT, "items: expected the items of a read");
    return external.Data()->piece(env, read_count(info[1], "piece", 0xFFFFFFFFu));
  });
}

}  // namespace sagedb
