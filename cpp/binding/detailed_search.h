// One search with more to it than a batch carries: by text, hybrid, with highlights or an explanation.
//
// Thread safety: read on the JavaScript thread, runs on the libuv pool.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <string>

#include "binding/js_results.h"
#include "binding/search_job.h"
#include "binding/task.h"
#include "engine/sage_db.h"

namespace sagedb {

class DetailedSearch final : public SearchJob {
 public:
  // request: { vector?, parts?, fusion?, params, filter?, text?, model?, explain, task? }; params as of SearchBatch, model: k1, b, fusion
  // (0 ranks, 1 weights), weight of the vector, weight of the text, highlight (0, 1), then one weight per text field. In place of the
  // vector, several: parts are their components one after the other, fusion (Float64Array) says 0 ranks or 1 weights, then for each space
  // and weight.
  // callback(error, …PackedSearch::to_js, highlights: Uint32Array, explain: object | undefined).
  DetailedSearch(const Napi::Function& callback, std::shared_ptr<const SageDB> engine, const Napi::Object& request,
                 const Options& options);

 protected:
  PackedSearch run(const SageDB& engine, int share) override;
  void more(Napi::Env env, std::vector<napi_value>* arguments) const override;

 private:
  AlignedVector<float> vector_;
  std::string filter_;
  TaskPtr task_;
  SearchRequest request_;
  std::vector<std::uint32_t> highlights_;
  std::optional<Explain> explain_;
};

// textWords(text) -> { words: string[], places: Uint32Array of begin and end in UTF-16 units }.
void export_text_functions(Napi::Env env, Napi::Object exports);

}  // namespace sagedb
