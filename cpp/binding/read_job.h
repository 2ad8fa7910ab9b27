// One read (get, has, count, find), off the JavaScript thread.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "binding/job.h"
#include "binding/js_results.h"
#include "engine/sage_db.h"

namespace sagedb {

struct ReadRequest {
  enum class Kind : std::uint8_t { get, has, count, find, open_cursor, next };
  Kind kind = Kind::get;
  std::vector<ExternalId> ids;  // get, has
  std::string filter;           // count, find, open_cursor; empty: every item
  FindRequest find;             // find, open_cursor; its filter comes from the text
  std::shared_ptr<Cursor> cursor;  // next
  std::uint64_t limit = 0;         // next
  bool include_vector = false;  // get, find, next
};

class ReadJob final : public Job {
 public:
  // callback(error, value, items, pieces). value: Uint8Array per id (get, has) or the number of items (count);
  // items: External of PackedItems (get, find, next) or of a cursor (open_cursor).
  ReadJob(const Napi::Function& callback, std::shared_ptr<const SageDB> engine, ReadRequest request);

  void execute() noexcept override;
  void complete(Napi::Env env) override;
  void cancel() noexcept override {}  // its callers wait

 private:
  void read();

  std::shared_ptr<const SageDB> engine_;
  ReadRequest request_;
  std::vector<std::uint8_t> found_;
  std::uint64_t count_ = 0;
  std::unique_ptr<PackedItems> items_;
  std::optional<Error> error_;
};

// The cursor inside the External that open_cursor gave. Throws INVALID_ARGUMENT for anything else and for a closed one.
std::shared_ptr<Cursor> read_cursor(const Napi::Value& value);
// closeCursor(cursor): lets go of its snapshot, which the External would hold until it is collected. Idempotent.
Napi::Value close_cursor(const Napi::CallbackInfo& info);

// takeItems(external, piece) -> {ids, strings, metadata, vectors, spaces}.
Napi::Value take_items(const Napi::CallbackInfo& info);

}  // namespace sagedb
