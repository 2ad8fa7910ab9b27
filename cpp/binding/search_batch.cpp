#include "binding/search_batch.h"

#include <cmath>
#include <unordered_map>
#include <utility>

#include "binding/js_args.h"

namespace sagedb {
namespace {

constexpr std::uint64_t kMaxBatch = 1u << 20;

std::uint32_t to_u32(double value, const char* field) {
  if (!(value >= 0 && value <= 4294967295.0))
    throw Error(ErrorCode::INVALID_ARGUMENT, std::string(field) + ": out of range");
  return static_cast<std::uint32_t>(value);
}

enum Flag : std::uint32_t { kExact = 1, kMetadata = 2, kVector = 4 };

}  // namespace

void read_search_params(const double* params, SearchRequest* request) {
  request->k = to_u32(params[0], "k");
  request->ef = to_u32(params[1], "ef");
  request->recall = static_cast<float>(params[2]);
  if (!std::isnan(params[3])) request->radius = static_cast<float>(params[3]);
  const std::uint32_t flags = to_u32(params[4], "flags");
  request->exact = (flags & kExact) != 0;
  request->include_metadata = (flags & kMetadata) != 0;
  request->include_vector = (flags & kVector) != 0;
  request->space = to_u32(params[5], "space");
}

std::uint32_t dimension_of(const Options& options, SpaceNo space) {
  if (space >= options.space_count()) throw Error(ErrorCode::INVALID_ARGUMENT, "space: out of range");
  return options.spaces[space].dimension;
}

SearchBatch::SearchBatch(const Napi::CallbackInfo& info, const Options& options, ViewPtr view)
    : view_(std::move(view)) {
  const Napi::Env env = info.Env();
  const std::uint64_t count = read_count(info[1], "count", kMaxBatch);
  const FloatSpan floats = read_floats(info[0], "queries");
  const DoubleSpan params = read_doubles(info[2], "params");
  if (params.size < count * kSearchParams)
    throw Error(ErrorCode::INVALID_ARGUMENT, "params: fewer values than queries");
  SearchRequest first;
  if (count > 0) read_search_params(params.data, &first);
  const std::uint32_t dimension = dimension_of(options, first.space);
  if (floats.size < count * dimension) {
    throw Error(ErrorCode::INVALID_ARGUMENT, "queries: fewer values than queries");
  }
  queries_.assign(floats.data, floats.data + count * dimension);
  requests_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    requests_[i].vector = queries_.data() + i * dimension;
    read_search_params(params.data + i * kSearchParams, &requests_[i]);
    if (requests_[i].space != first.space) throw Error(ErrorCode::INVALID_ARGUMENT, "space: differs within a batch");
  }

  if (info[3].IsArray()) {
    const auto array = info[3].As<Napi::Array>();
    filters_.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      const Napi::Value text = array.Get(i);
      if (text.IsString()) filters_[i] = read_text(env, text, "filter");
    }
  }
  if (info[4].IsArray()) {
    const auto array = info[4].As<Napi::Array>();
    tasks_.resize(count);
    for (std::uint32_t i = 0; i < count; ++i) {
      tasks_[i] = read_task(array.Get(i));
      if (tasks_[i]) requests_[i].cancel = &tasks_[i]->cancel;
    }
  }
}

PackedSearch SearchBatch::run(const SageDB& engine, int share) {
  std::vector<bool> with_metadata(requests_.size());
  for (std::size_t i = 0; i < requests_.size(); ++i) with_metadata[i] = requests_[i].include_metadata;
  if (filters_.empty()) {
    return PackedSearch(engine.search(requests_.data(), requests_.size(), share, view_), {}, std::move(with_metadata),
                        engine.options().named());
  }
  // Equal texts share one filter, which the engine then evaluates once.
  std::unordered_map<std::string, std::shared_ptr<const Filter>> parsed;
  std::vector<std::pair<std::uint32_t, Error>> rejected;
  std::vector<SearchRequest> accepted;
  accepted.reserve(requests_.size());
  for (std::uint32_t i = 0; i < requests_.size(); ++i) {
    try {
      if (!filters_[i].empty()) {
        std::shared_ptr<const Filter>& filter = parsed[filters_[i]];
        if (!filter) filter = engine.filter(filters_[i]);
        requests_[i].filter = filter;
      }
      accepted.push_back(requests_[i]);
    } catch (...) {
      rejected.emplace_back(i, current_error());
    }
  }
  return PackedSearch(engine.search(accepted.data(), accepted.size(), share, view_), std::move(rejected),
                      std::move(with_metadata), engine.options().named());
}

}  // namespace sagedb
