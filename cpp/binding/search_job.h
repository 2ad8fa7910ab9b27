// Searches that are answered by one engine call, off the JavaScript thread.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <vector>

#include "binding/job.h"
#include "binding/search_batch.h"

namespace sagedb {

class SearchJob : public Job {
 public:
  // callback(error, …PackedSearch::to_js, …more()).
  SearchJob(const Napi::Function& callback, std::shared_ptr<const SageDB> engine);
  void share_threads(int jobs) noexcept final { share_ = jobs; }
  void execute() noexcept final;
  void complete(Napi::Env env) final;
  void cancel() noexcept final {}  // by the token of each search

 protected:
  // Throws what all fail with.
  virtual PackedSearch run(const SageDB& engine, int share) = 0;
  // Further arguments of the callback.
  virtual void more(Napi::Env env, std::vector<napi_value>* arguments) const;

 private:
  const std::shared_ptr<const SageDB> engine_;
  int share_ = 1;
  std::optional<PackedSearch> packed_;
  std::optional<Error> error_;
};

class BatchSearchJob final : public SearchJob {
 public:
  BatchSearchJob(const Napi::Function& callback, std::shared_ptr<const SageDB> engine, SearchBatch batch)
      : SearchJob(callback, std::move(engine)), batch_(std::move(batch)) {}

 protected:
  PackedSearch run(const SageDB& engine, int share) override { return batch_.run(engine, share); }

 private:
  SearchBatch batch_;
};

}  // namespace sagedb
