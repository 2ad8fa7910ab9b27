// Engine results -> JavaScript values: packed off the JavaScript thread, then one buffer and few strings are handed over.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "binding/answer_buffer.h"
#include "engine/sage_db.h"

namespace sagedb {

// A text that knows how it becomes a JavaScript string.
struct PackedText {
  std::string bytes;
  bool ascii = false;
  explicit PackedText(std::string text);
  Napi::Value to_js(Napi::Env env) const;
};

// Ids of a run of rows: numbers in place, NaN where the id is a string; the strings follow in order.
struct PackedIds {
  std::vector<double> numbers;
  std::vector<std::string> strings;
  void append(const ExternalId& id);
  // undefined when there is none.
  Napi::Value strings_to_js(Napi::Env env) const;
};

// The answer to a batch of searches.
class PackedSearch {
 public:
  // `rejected`: requests that never reached the engine, by position; `results` are those of the others, in order.
  // `named`: of a database with named spaces.
  PackedSearch(std::vector<SearchResult> results, std::vector<std::pair<std::uint32_t, Error>> rejected,
               std::vector<bool> with_metadata, bool named);

  // [buffer, hits, version, texts, strings, errors]: buffer = ids (f64 x hits), scores (f32 x hits), counts (u32 x queries),
  // with named spaces which of them have a vector (u32 x hits, 0 where it was not asked for), vectors (f32, of the queries that asked for them); texts: a JSON array text per query or undefined;
  // errors: [query, error, query, error, ...] or undefined.
  std::vector<napi_value> to_js(Napi::Env env) const;
  // The same with the numbers in `shared` where they fit: then the buffer is undefined, and where there are only numbers, the list is empty.
  std::vector<napi_value> to_js(Napi::Env env, AnswerBuffer& shared) const;

 private:
  std::vector<napi_value> with_buffer(Napi::Env env, const Napi::Value& buffer) const;

  PackedIds ids_;
  std::vector<float> scores_;
  std::vector<std::uint32_t> counts_;
  std::vector<SpaceSet> spaces_;
  std::vector<float> vectors_;
  std::vector<std::pair<std::uint32_t, PackedText>> texts_;
  std::vector<std::pair<std::uint32_t, Error>> errors_;
  std::uint64_t version_ = 0;
};

// Items in pieces that each turn into JavaScript values within a fraction of a millisecond.
class PackedItems {
 public:
  PackedItems(std::vector<Item> items, bool named);
  std::size_t pieces() const noexcept { return pieces_.size(); }
  // {ids, strings, metadata, vectors, spaces}; spaces: with named spaces, per item which of them have a vector (0 without vectors).
  Napi::Value piece(Napi::Env env, std::size_t index) const;

 private:
  struct Piece {
    PackedIds ids;
    PackedText metadata{std::string()};
    std::vector<float> vectors;
    std::vector<SpaceSet> spaces;
  };
  const bool named_;
  std::vector<Piece> pieces_;
};

Napi::Value stats_to_js(Napi::Env env, const Stats& stats);
// A typed array of its own buffer.
Napi::Value doubles_to_js(Napi::Env env, const std::vector<double>& values);
Napi::Value floats_to_js(Napi::Env env, const std::vector<float>& values);
Napi::Value sets_to_js(Napi::Env env, const std::vector<SpaceSet>& values);
Napi::Value bytes_to_js(Napi::Env env, const std::vector<std::uint8_t>& values);

}  // namespace sagedb
