#include "binding/detailed_search.h"

#include <cstring>
#include <utility>

#include "binding/js_args.h"
#include "binding/js_errors.h"
#include "binding/search_batch.h"
#include "text/tokenizer.h"

namespace sagedb {
namespace {

constexpr std::size_t kModel = 6;

std::shared_ptr<const TextRequest> read_text_request(const Napi::Object& request) {
  const Napi::Value text = request.Get("text");
  if (text.IsUndefined()) return nullptr;
  const DoubleSpan model = read_doubles(request.Get("model"), "model");
  if (model.size < kModel) throw Error(ErrorCode::INVALID_ARGUMENT, "model: fewer values than parameters");
  auto out = std::make_shared<TextRequest>();
  out->text = read_text(request.Env(), text, "text");
  out->k1 = model.data[0];
  out->b = model.data[1];
  out->fusion = model.data[2] == 0 ? Fusion::rrf : Fusion::weighted;
  out->vector_weight = model.data[3];
  out->text_weight = model.data[4];
  out->highlight = model.data[5] != 0;
  out->weights.assign(model.data + kModel, model.data + model.size);
  return out;
}

// Of vectors that lie in `floats` one after the other.
std::shared_ptr<const FusedRequest> read_fused(const DoubleSpan& fusion, const AlignedVector<float>& floats,
                                               const Options& options) {
  auto out = std::make_shared<FusedRequest>();
  if (fusion.size < 3 || fusion.size % 2 != 1)
    throw Error(ErrorCode::INVALID_ARGUMENT, "fusion: expected a space and a weight per vector");
  out->fusion = fusion.data[0] == 0 ? Fusion::rrf : Fusion::weighted;
  std::size_t at = 0;
  for (std::size_t i = 1; i < fusion.size; i += 2) {
    const double space = fusion.data[i];
    if (!(space >= 0 && space < kMaxSpaces)) throw Error(ErrorCode::INVALID_ARGUMENT, "space: out of range");
    FusedRequest::Part part{static_cast<SpaceNo>(space), floats.data() + at, fusion.data[i + 1]};
    at += dimension_of(options, part.space);
    if (at > floats.size()) break;
    out->parts.push_back(part);
  }
  if (at != floats.size())
    throw Error(ErrorCode::DIMENSION_MISMATCH, "vectors: have other dimensions than their spaces");
  return out;
}

Napi::Value explain_to_js(Napi::Env env, const Explain& explain) {
  Napi::Object o = Napi::Object::New(env);
  Napi::Array plans = Napi::Array::New(env, explain.plans.size());
  for (std::uint32_t i = 0; i < explain.plans.size(); ++i) plans.Set(i, explain.plans[i]);
  o.Set("plans", plans);
  const auto number = [&](const char* name, auto value) { o.Set(name, static_cast<double>(value)); };
  if (explain.filter_matches) number("filterMatches", *explain.filter_matches);
  number("visited", explain.visited);
  number("distances", explain.distances);
  number("reranked", explain.reranked);
  number("freshRows", explain.fresh_rows);
  number("textWords", explain.text_words);
  number("textPostings", explain.text_postings);
  number("textScored", explain.text_scored);
  Napi::Object micros = Napi::Object::New(env);
  const auto stage = [&](const char* name, double value) { micros.Set(name, value); };
  stage("filter", explain.filter_us);
  stage("index", explain.index_us);
  stage("fresh", explain.fresh_us);
  stage("rerank", explain.rerank_us);
  stage("text", explain.text_us);
  stage("results", explain.results_us);
  stage("total", explain.total_us);
  o.Set("microseconds", micros);
  return o;
}

Napi::Value numbers_to_js(Napi::Env env, const std::vector<std::uint32_t>& values) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, values.size() * sizeof(std::uint32_t));
  if (!values.empty()) std::memcpy(buffer.Data(), values.data(), values.size() * sizeof(std::uint32_t));
  return Napi::Uint32Array::New(env, values.size(), buffer, 0);
}

Napi::Value text_words(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::string text = read_text(env, info[0], "text");
    std::vector<std::uint32_t> places;
    Napi::Array words = Napi::Array::New(env);
    Tokenizer tokenizer(text);
    for (Word word; tokenizer.next(word);) {
      words.Set(words.Length(), Napi::String::New(env, word.text.data(), word.text.size()));
      places.insert(places.end(), {word.begin, word.end});
    }
    Napi::Object out = Napi::Object::New(env);
    out.Set("words", words);
    out.Set("places", numbers_to_js(env, places));
    return out;
  });
}

}  // namespace

DetailedSearch::DetailedSearch(const Napi::Function& callback, std::shared_ptr<const SageDB> engine,
                               const Napi::Object& request, const Options& options)
    : SearchJob(callback, std::move(engine)) {
  const DoubleSpan params = read_doubles(request.Get("params"), "params");
  if (params.size < kSearchParams) throw Error(ErrorCode::INVALID_ARGUMENT, "params: fewer values than parameters");
  read_search_params(params.data, &request_);
  if (const Napi::Value vector = request.Get("vector"); !vector.IsUndefined()) {
    const FloatSpan floats = read_floats(vector, "vector");
    if (floats.size != dimension_of(options, request_.space))
      throw Error(ErrorCode::DIMENSION_MISMATCH, "vector: has another dimension than the database");
    vector_.assign(floats.data, floats.data + floats.size);
    request_.vector = vector_.data();
  }
  if (const Napi::Value parts = request.Get("parts"); !parts.IsUndefined()) {
    const FloatSpan floats = read_floats(parts, "vectors");
    vector_.assign(floats.data, floats.data + floats.size);
    request_.vector = nullptr;
    request_.fused = read_fused(read_doubles(request.Get("fusion"), "fusion"), vector_, options);
  }
  if (const Napi::Value filter = request.Get("filter"); !filter.IsUndefined())
    filter_ = read_text(request.Env(), filter, "filter");
  request_.text = read_text_request(request);
  request_.explain = request.Get("explain").ToBoolean();
  task_ = read_task(request.Get("task"));
  if (task_) request_.cancel = &task_->cancel;
}

PackedSearch DetailedSearch::run(const SageDB& engine, int) {
  if (!filter_.empty()) request_.filter = engine.filter(filter_);
  std::vector<SearchResult> results = engine.search(&request_, 1);
  highlights_ = std::move(results[0].highlights);
  explain_ = std::move(results[0].explain);
  return PackedSearch(std::move(results), {}, {request_.include_metadata}, engine.options().named());
}

void DetailedSearch::more(Napi::Env env, std::vector<napi_value>* arguments) const {
  arguments->push_back(numbers_to_js(env, highlights_));
  arguments->push_back(explain_ ? explain_to_js(env, *explain_) : env.Undefined());
}

void export_text_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("textWords", Napi::Function::New(env, text_words, "textWords"));
}

}  // namespace sagedb
