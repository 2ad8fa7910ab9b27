// Runs one batch of searches on the libuv pool: one engine call, one result.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>

#include "binding/search_batch.h"

namespace sagedb {

class SearchWorker : public Napi::AsyncWorker {
 public:
  // callback(error, buffer, hits, version, texts, strings, errors), see PackedSearch::to_js.
  SearchWorker(const Napi::Function& callback, std::shared_ptr<const SageDB> engine, SearchBatch batch);

 protected:
  void Execute() override;
  void OnOK() override;

 private:
  std::shared_ptr<const SageDB> engine_;
  SearchBatch batch_;
  std::optional<PackedSearch> packed_;
  std::optional<Error> error_;
};

}  // namespace sagedb
