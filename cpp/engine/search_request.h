// What a search is asked for and what it answers: plain data.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/status.h"
#include "engine/options.h"
#include "filter/filter.h"
#include "store/external_id.h"

namespace sagedb {

// How the lists of a search in several spaces, or by vector and text, become one.
enum class Fusion : std::uint8_t { rrf, weighted };

// Full-text part of a search; see text/text_search.h for the scores.
struct TextRequest {
  std::string text;  // WTF-8
  double k1 = 1.2, b = 0.75;
  std::vector<double> weights;  // by text field; empty: 1 each
  // With a vector; with several vectors only the weight of the text counts.
  Fusion fusion = Fusion::rrf;
  double vector_weight = 0.5, text_weight = 0.5;  // weighted
  bool highlight = false;
};

// A search in several spaces at once.
struct FusedRequest {
  struct Part {
    SpaceNo space = 0;
    const float* vector = nullptr;  // as SearchRequest::vector
    double weight = 0.5;  // weighted
  };
  std::vector<Part> parts;  // at least one; every space once at most
  Fusion fusion = Fusion::rrf;
};

struct SearchRequest {
  // dimension floats of `space`, checked finite (and not zero under cosine) by the callee; null: by text alone, or fused
  const float* vector = nullptr;
  SpaceNo space = 0;
  std::shared_ptr<const FusedRequest> fused;  // in place of the vector
  std::shared_ptr<const TextRequest> text;
  std::uint32_t k = 10;
  std::uint32_t ef = 0;  // 0: from `recall`
  float recall = 0;  // 0: the default target 0.95
  std::optional<float> radius;  // unit of score: l2 distance at most, ip / cosine score at least
  std::shared_ptr<const Filter> filter;
  bool exact = false;  // brute force on full-precision vectors
  bool include_metadata = true;
  bool include_vector = false;
  bool explain = false;
  const CancelToken* cancel = nullptr;
};

// How a search was answered.
struct Explain {
  std::vector<std::string> plans;  // graph, scan, filtered-scan, two-hop, traverse; text
  std::optional<std::uint64_t> filter_matches;
  std::uint64_t visited = 0, distances = 0, reranked = 0, fresh_rows = 0;  // vectors
  std::uint64_t text_words = 0, text_postings = 0, text_scored = 0;
  double filter_us = 0, index_us = 0, fresh_us = 0, rerank_us = 0, text_us = 0, results_us = 0, total_us = 0;
};

struct Hit {
  ExternalId id;
  float score = 0;
};

struct SearchResult {
  std::optional<Error> error;
  std::vector<Hit> hits;  // best first, ties by id
  std::string metadata;  // a JSON array text of hits.size() objects, when asked for
  std::vector<float> vectors;  // when asked for, per hit those of its spaces, one after the other
  std::vector<SpaceSet> spaces;  // named spaces, with vectors: per hit which
  // When asked for, per hit: number of highlights, then for each: text field, element of an array or 2^32 - 1, begin and end of the
  // snippet, number of ranges, begin and end of each range; positions in UTF-16 units of the text.
  std::vector<std::uint32_t> highlights;
  std::optional<Explain> explain;
  std::uint64_t version = 0;  // index version of the snapshot that answered
  std::uint64_t sequence = 0;  // its commit sequence
};

}  // namespace sagedb
