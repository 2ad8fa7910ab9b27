#include "binding/js_results.h"

#include <cstring>
#include <limits>

#include "binding/js_errors.h"
#include "binding/wtf8.h"

namespace sagedb {
namespace {

constexpr std::size_t kPieceItems = 256;
constexpr std::size_t kPieceBytes = std::size_t{128} << 10;

template <typename T>
Napi::ArrayBuffer copy_to_buffer(Napi::Env env, const std::vector<T>& values) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(buffer.Data(), values.data(), values.size() * sizeof(T));
  return buffer;
}

template <typename T>
std::byte* append(std::byte* at, const std::vector<T>& values) {
  if (!values.empty()) std::memcpy(at, values.data(), values.size() * sizeof(T));
  return at + values.size() * sizeof(T);
}

Napi::Value id_to_js(Napi::Env env, const std::string& text) {
  napi_value value;
  napi_status status;
  if (is_ascii(text)) {
    status = napi_create_string_latin1(env, text.data(), text.size(), &value);
  } else {
    const std::u16string wide = wtf8_to_utf16(text);
    status = napi_create_string_utf16(env, wide.data(), wide.size(), &value);
  }
  if (status != napi_ok) throw Napi::Error::New(env);
  return Napi::Value(env, value);
}

}  // namespace

PackedText::PackedText(std::string text) : bytes(std::move(text)), ascii(is_ascii(bytes)) {}

Napi::Value PackedText::to_js(Napi::Env env) const {
  napi_value value;
  const napi_status status = ascii ? napi_create_string_latin1(env, bytes.data(), bytes.size(), &value)
                                   : napi_create_string_utf8(env, bytes.data(), bytes.size(), &value);
  if (status != napi_ok) {
    throw Error(ErrorCode::LIMIT_EXCEEDED, "the metadata of one result (" + std::to_string(bytes.size()) +
                                               " bytes) exceeds the longest string this runtime can make");
  }
  return Napi::Value(env, value);
}

void PackedIds::append(const ExternalId& id) {
  if (id.is_string()) {
    numbers.push_back(std::numeric_limits<double>::quiet_NaN());
    strings.push_back(id.text());
  } else {
    numbers.push_back(static_cast<double>(id.number()));
  }
}

Napi::Value PackedIds::strings_to_js(Napi::Env env) const {
  if (strings.empty()) return env.Undefined();
  Napi::Array array = Napi::Array::New(env, strings.size());
  for (std::size_t i = 0; i < strings.size(); ++i) array.Set(static_cast<std::uint32_t>(i), id_to_js(env, strings[i]));
  return array;
}

PackedSearch::PackedSearch(std::vector<SearchResult> results, std::vector<std::pair<std::uint32_t, Error>> rejected,
                           std::vector<bool> with_metadata, bool named)
    : errors_(std::move(rejected)) {
  const std::size_t queries = results.size() + errors_.size();
  std::vector<bool> skip(queries);
  for (const auto& error : errors_) skip[error.first] = true;
  counts_.assign(queries, 0);
  std::size_t hits = 0;
  for (const SearchResult& result : results) hits += result.hits.size();
  ids_.numbers.reserve(hits);
  scores_.reserve(hits);
  std::size_t next = 0;
  for (std::uint32_t q = 0; q < queries; ++q) {
    if (skip[q]) continue;
    SearchResult& result = results[next++];
    if (result.error) {
      errors_.emplace_back(q, std::move(*result.error));
      continue;
    }
    version_ = result.version;
    counts_[q] = static_cast<std::uint32_t>(result.hits.size());
    for (const Hit& hit : result.hits) {
      ids_.append(hit.id);
      scores_.push_back(hit.score);
    }
    if (named) {
      result.spaces.resize(result.hits.size());
      spaces_.insert(spaces_.end(), result.spaces.begin(), result.spaces.end());
    }
    vectors_.insert(vectors_.end(), result.vectors.begin(), result.vectors.end());
    if (with_metadata[q] && !result.hits.empty()) texts_.emplace_back(q, PackedText(std::move(result.metadata)));
  }
}

std::vector<napi_value> PackedSearch::to_js(Napi::Env env) const {
  const std::size_t hits = scores_.size();
  const std::size_t words = counts_.size() + spaces_.size() + vectors_.size();
  const std::size_t bytes = hits * (sizeof(double) + sizeof(float)) + words * 4;
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes);
  std::byte* at = append(static_cast<std::byte*>(buffer.Data()), ids_.numbers);
  at = append(at, scores_);
  at = append(at, counts_);
  at = append(at, spaces_);
  append(at, vectors_);
  return with_buffer(env, buffer);
}

std::vector<napi_value> PackedSearch::to_js(Napi::Env env, AnswerBuffer& shared) const {
  if (!spaces_.empty() || !vectors_.empty() || !shared.write(ids_.numbers, scores_, counts_, version_))
    return to_js(env);
  if (texts_.empty() && ids_.strings.empty() && errors_.empty()) return {};
  return with_buffer(env, env.Undefined());
}

std::vector<napi_value> PackedSearch::with_buffer(Napi::Env env, const Napi::Value& buffer) const {
  std::vector<std::pair<std::uint32_t, Error>> errors = errors_;
  Napi::Value texts = env.Undefined();
  if (!texts_.empty()) {
    Napi::Array array = Napi::Array::New(env, counts_.size());
    for (const auto& text : texts_) {
      try {
        array.Set(text.first, text.second.to_js(env));
      } catch (const Napi::Error&) {
        throw;
      } catch (const Error& e) {
        errors.emplace_back(text.first, e);
      }
    }
    texts = array;
  }
  Napi::Value error_list = env.Undefined();
  if (!errors.empty()) {
    Napi::Array array = Napi::Array::New(env, errors.size() * 2);
    for (std::uint32_t i = 0; i < errors.size(); ++i) {
      array.Set(2 * i, static_cast<double>(errors[i].first));
      array.Set(2 * i + 1, to_js_error(env, errors[i].second).Value());
    }
    error_list = array;
  }
  return {buffer,
          Napi::Number::New(env, static_cast<double>(scores_.size())),
          Napi::Number::New(env, static_cast<double>(version_)),
          texts,
          ids_.strings_to_js(env),
          error_list};
}

PackedItems::PackedItems(std::vector<Item> items, bool named) : named_(named) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (pieces_.empty() || pieces_.back().ids.numbers.size() >= kPieceItems || text.size() >= kPieceBytes) {
      if (!pieces_.empty()) pieces_.back().metadata = PackedText(std::move(text) + "]");
      pieces_.emplace_back();
      text.clear();
    }
    Item& item = items[i];
    Piece& piece = pieces_.back();
    text += text.empty() ? '[' : ',';
    text += item.metadata.empty() ? "{}" : item.metadata;
    piece.ids.append(item.id);
    piece.vectors.insert(piece.vectors.end(), item.vector.begin(), item.vector.end());
    piece.spaces.push_back(item.spaces);
    item = Item();
  }
  if (!pieces_.empty()) pieces_.back().metadata = PackedText(std::move(text) + "]");
}

Napi::Value PackedItems::piece(Napi::Env env, std::size_t index) const {
  if (index >= pieces_.size()) throw Error(ErrorCode::INVALID_ARGUMENT, "piece: out of range");
  const Piece& piece = pieces_[index];
  Napi::Object object = Napi::Object::New(env);
  object.Set("ids", doubles_to_js(env, piece.ids.numbers));
  object.Set("strings", piece.ids.strings_to_js(env));
  object.Set("metadata", piece.metadata.to_js(env));
  object.Set("vectors", floats_to_js(env, piece.vectors));
  if (named_) object.Set("spaces", sets_to_js(env, piece.spaces));
  return object;
}

Napi::Value doubles_to_js(Napi::Env env, const std::vector<double>& values) {
  return Napi::Float64Array::New(env, values.size(), copy_to_buffer(env, values), 0);
}
Napi::Value floats_to_js(Napi::Env env, const std::vector<float>& values) {
  return Napi::Float32Array::New(env, values.size(), copy_to_buffer(env, values), 0);
}
Napi::Value sets_to_js(Napi::Env env, const std::vector<SpaceSet>& values) {
  return Napi::Uint32Array::New(env, values.size(), copy_to_buffer(env, values), 0);
}
Napi::Value bytes_to_js(Napi::Env env, const std::vector<std::uint8_t>& values) {
  return Napi::Uint8Array::New(env, values.size(), copy_to_buffer(env, values), 0);
}

namespace {

// Flat triples: ef, recall, lower bound.
Napi::Value curve_to_js(Napi::Env env, const std::vector<Stats::RecallPoint>& points) {
  Napi::Float64Array curve = Napi::Float64Array::New(env, points.size() * 3);
  for (std::size_t i = 0; i < points.size(); ++i) {
    curve[3 * i] = points[i].ef;
    curve[3 * i + 1] = points[i].recall;
    curve[3 * i + 2] = points[i].lower_bound;
  }
  return curve;
}

Napi::Value space_to_js(Napi::Env env, const Stats::Space& space) {
  Napi::Object o = Napi::Object::New(env);
  const auto number = [&](const char* name, auto value) { o.Set(name, static_cast<double>(value)); };
  number("rows", space.rows);
  number("vectorBytes", space.vector_bytes);
  number("codeBytes", space.code_bytes);
  number("indexBytes", space.index_bytes);
  number("calibratedRows", space.calibrated_rows);
  number("calibratedQueries", space.calibrated_queries);
  o.Set("recallCurve", curve_to_js(env, space.recall_curve));
  return o;
}

}  // namespace

Napi::Value stats_to_js(Napi::Env env, const Stats& stats) {
  Napi::Object o = Napi::Object::New(env);
  const auto number = [&](const char* name, auto value) { o.Set(name, static_cast<double>(value)); };
  number("size", stats.size);
  number("dimension", stats.dimension);
  number("indexVersion", stats.index_version);
  number("sequence", stats.sequence);
  number("totalSearches", stats.total_searches);
  number("totalAdds", stats.total_adds);
  number("totalUpdates", stats.total_updates);
  number("totalRemoves", stats.total_removes);
  number("indexRebuilds", stats.index_rebuilds);
  number("compactions", stats.compactions);
  number("averageSearchMicroseconds", stats.average_search_us);
  number("indexedRows", stats.indexed_rows);
  number("freshRows", stats.fresh_rows);
  number("deletedRows", stats.deleted_rows);
  number("vectorBytes", stats.vector_bytes);
  number("codeBytes", stats.code_bytes);
  number("indexBytes", stats.index_bytes);
  number("metadataBytes", stats.metadata_bytes);
  number("textBytes", stats.text_bytes);
  number("idBytes", stats.id_bytes);
  number("scratchBytes", stats.scratch_bytes);
  number("buildDone", stats.build_done);
  number("buildTotal", stats.build_total);
  number("lastBuildSeconds", stats.last_build_seconds);
  number("lastPublishMicroseconds", stats.last_publish_us);
  number("threads", stats.threads);
  o.Set("building", stats.building);
  o.Set("indexKind", stats.index_kind);
  o.Set("kernels", stats.kernels);
  number("durableSequence", stats.durable_sequence);
  number("logBytes", stats.log_bytes);
  number("segmentBytes", stats.segment_bytes);
  number("checkpoints", stats.checkpoints);
  number("replayed", stats.replayed);
  o.Set("checkState", stats.check_state);
  o.Set("checkError", stats.check_error);
  number("checkDone", stats.check_done);
  number("checkTotal", stats.check_total);
  number("hotBytes", stats.hot_bytes);
  number("givenBackBytes", stats.given_back_bytes);
  o.Set("lastError", stats.last_error);
  number("calibratedRows", static_cast<double>(stats.calibrated_rows));
  number("calibratedQueries", static_cast<double>(stats.calibrated_queries));
  o.Set("recallCurve", curve_to_js(env, stats.recall_curve));
  Napi::Array spaces = Napi::Array::New(env, stats.spaces.size());
  for (std::uint32_t i = 0; i < stats.spaces.size(); ++i) spaces.Set(i, space_to_js(env, stats.spaces[i]));
  o.Set("spaces", spaces);
  return o;
}

}  // namespace sagedb
