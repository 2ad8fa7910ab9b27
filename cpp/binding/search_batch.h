// A batch of coalesced searches: owned copies of everything JavaScript gave.
// Thread safety: read on the JavaScript thread, run on one thread.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "binding/js_results.h"
#include "binding/task.h"
#include "engine/sage_db.h"

namespace sagedb {

class SearchBatch {
 public:
  // (queries: Float32Array, count, params: Float64Array, filters: (string | undefined)[] | undefined,
  //  tasks: (task | undefined)[] | undefined); params: k, ef, recall, radius (NaN: none), flags per query.
  SearchBatch(const Napi::CallbackInfo& info, std::uint32_t dimension);

  // Throws what the whole batch fails with.
  PackedSearch run(const SageDB& engine);

 private:
  static constexpr std::size_t kParams = 5;
  enum Flag : std::uint32_t { kExact = 1, kMetadata = 2, kVector = 4 };

  void read_request(const double* params, std::size_t index, std::uint32_t dimension);

  AlignedVector<float> queries_;
  std::vector<SearchRequest> requests_;
  std::vector<std::string> filters_;  // empty, or one per request; an empty text is no filter
  std::vector<TaskPtr> tasks_;
};

}  // namespace sagedb
