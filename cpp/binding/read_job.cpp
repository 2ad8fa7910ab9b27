#include "binding/read_job.h"

#include <utility>

#include "binding/js_args.h"
#include "binding/js_errors.h"
#include "binding/release.h"
#include "binding/tagged_external.h"

namespace sagedb {
namespace {

constexpr napi_type_tag kItemsTag = {0x5a6edb17e3500002ULL, 0x41c87f9a0be2d613ULL};

constexpr napi_type_tag kCursorTag = {0x5a6edb17e3500003ULL, 0x7d0a94c2615f38ebULL};

using SharedCursor = std::shared_ptr<Cursor>;

}  // namespace

ReadJob::ReadJob(const Napi::Function& callback, std::shared_ptr<const SageDB> engine, ReadRequest request)
    : Job(callback), engine_(std::move(engine)), request_(std::move(request)) {}

void ReadJob::execute() noexcept {
  try {
    read();
  } catch (...) {
    error_ = current_error();
  }
}

void ReadJob::read() {
  const bool named = engine_->options().named();
  std::shared_ptr<const Filter> filter;
  if (!request_.filter.empty()) filter = engine_->filter(request_.filter);
  switch (request_.kind) {
    case ReadRequest::Kind::get: {
      std::vector<Item> items;
      for (std::optional<Item>& item : engine_->get(request_.ids, true, request_.include_vector)) {
        found_.push_back(item.has_value() ? 1 : 0);
        if (item) items.push_back(std::move(*item));
      }
      items_ = std::make_unique<PackedItems>(std::move(items), named);
      break;
    }
    case ReadRequest::Kind::has:
      for (const bool found : engine_->has(request_.ids)) found_.push_back(found ? 1 : 0);
      break;
    case ReadRequest::Kind::count:
      count_ = engine_->count(filter.get());
      break;
    case ReadRequest::Kind::find:
      request_.find.filter = std::move(filter);
      request_.cursor = engine_->open_cursor(request_.find);
      items_ = std::make_unique<PackedItems>(
          engine_->next(*request_.cursor, request_.find.limit, request_.include_vector), named);
      request_.cursor.reset();
      break;
    case ReadRequest::Kind::open_cursor:
      request_.find.filter = std::move(filter);
      request_.cursor = engine_->open_cursor(request_.find);
      break;
    case ReadRequest::Kind::next:
      items_ = std::make_unique<PackedItems>(engine_->next(*request_.cursor, request_.limit, request_.include_vector),
                                             named);
      break;
  }
}

void ReadJob::complete(Napi::Env env) {
  if (error_) {
    callback_.Call({to_js_error(env, *error_).Value()});
    return;
  }
  const Napi::Value value = request_.kind == ReadRequest::Kind::count
                                ? Napi::Value(Napi::Number::New(env, static_cast<double>(count_)))
                                : bytes_to_js(env, found_);
  if (request_.kind == ReadRequest::Kind::open_cursor) {
    auto held = std::make_unique<SharedCursor>(std::move(request_.cursor));
    callback_.Call({env.Null(), value, make_external(env, kCursorTag, std::move(held))});
    return;
  }
  if (!items_) {
    callback_.Call({env.Null(), value});
    return;
  }
  const auto pieces = static_cast<double>(items_->pieces());
  const auto items = make_external(env, kItemsTag, std::move(items_));
  callback_.Call({env.Null(), value, items, Napi::Number::New(env, pieces)});
}

std::shared_ptr<Cursor> read_cursor(const Napi::Value& value) {
  const char* const problem = "cursor: expected an open cursor";
  const SharedCursor& cursor = read_external<SharedCursor>(value, kCursorTag, problem);
  if (!cursor) throw Error(ErrorCode::INVALID_ARGUMENT, problem);
  return cursor;
}

Napi::Value close_cursor(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    release_elsewhere(std::move(read_external<SharedCursor>(info[0], kCursorTag, "cursor: expected a cursor")));
    return info.Env().Undefined();
  });
}

Napi::Value take_items(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto& items = read_external<PackedItems>(info[0], kItemsTag, "items: expected the items of a read");
    return items.piece(env, read_count(info[1], "piece", 0xFFFFFFFFu));
  });
}

}  // namespace sagedb
