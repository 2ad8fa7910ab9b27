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
  virtual std::vector<napi_value> answer(Napi::Env env, const PackedSearch& packed) const { return packed.to_js(env); }

 private:
  const std::shared_ptr<const SageDB> engine_;
  int share_ = 1;
  std::optional<PackedSearch> packed_;
  std::optional<Error> error_;
};

class BatchSearchJob final : public SearchJob {
 public:
  // `at_once`: the callback reads its answer before it returns, so that it may stand in the environment's answer buffer.
  BatchSearchJob(const Napi::Function& callback, std::shared_ptr<const SageDB> engine, SearchBatch batch, bool at_once)
      : SearchJob(callback, std::move(engine)), batch_(std::move(batch)), at_once_(at_once) {}

 protected:
  PackedSearch run(const SageDB& engine, int share) override { return batch_.run(engine, share); }
  std::vector<napi_value> answer(Napi::Env env, const PackedSearch& packed) const override;

 private:
  SearchBatch batch_;
  const bool at_once_;
};

}  // namespace sagedb
