// A batch of coalesced searches: owned copies of everything JavaScript gave.
// Thread safety: read on the JavaScript thread, run on one thread.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "binding/js_results.h"
#include "binding/search_view.h"
#include "binding/task.h"
#include "engine/sage_db.h"

namespace sagedb {

// Values per search in a parameter array: k, ef, recall, radius (NaN: none), flags (1 exact, 2 metadata, 4 vector), space.
inline constexpr std::size_t kSearchParams = 6;
void read_search_params(const double* params, SearchRequest* request);
// Throws INVALID_ARGUMENT.
std::uint32_t dimension_of(const Options& options, SpaceNo space);

class SearchBatch {
 public:
  // (queries: Float32Array, count, params: Float64Array, filters: (string | undefined)[] | undefined,
  //  tasks: (task | undefined)[] | undefined); kSearchParams values per query. All queries are for one space. `view` may be null.
  SearchBatch(const Napi::CallbackInfo& info, const Options& options, ViewPtr view = nullptr);

  // With the engine's threads divided by `share`. Throws what the whole batch fails with.
  PackedSearch run(const SageDB& engine, int share = 1);

 private:
  AlignedVector<float> queries_;
  std::vector<SearchRequest> requests_;
  std::vector<std::string> filters_;  // empty, or one per request; an empty text is no filter
  std::vector<TaskPtr> tasks_;
  ViewPtr view_;
};

}  // namespace sagedb
