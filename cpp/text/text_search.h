// The best k items for a text by BM25 (Robertson, Zaragoza 2009), found with upper bounds of the scores: MaxScore (Turtle, Flood 1995) with
// block bounds on the list that drives the search.
//
//   score(item) = sum over fields f and words w of the query, in this order:
//     weight(f) * count of w in the query * idf(f, w) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / average length))
//   idf(f, w) = ln(1 + (N - df + 0.5) / (df + 0.5))
// N: live items of the snapshot with at least one word in f; df: those that have w in f; average length: words in f per such item.
//
// Thread safety: values over an immutable prefix of the index.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/text_index.h"

namespace sagedb {

struct Bm25 {
  double k1 = 1.2;
  double b = 0.75;
  std::vector<double> weights;  // one per field of the index; 0: the field is left out
};

struct TextHit {
  float score;
  RecordNo record;
};

// What may be returned, and the order of equal scores.
class TextJudge {
 public:
  virtual ~TextJudge() = default;
  virtual bool accepts(RecordNo r) const = 0;
  virtual bool before(RecordNo a, RecordNo b) const noexcept = 0;
};

struct TextCounters {
  std::uint64_t words = 0;  // of the query that occur in a field that is searched
  std::uint64_t postings = 0;  // looked at
  std::uint64_t scored = 0;  // items whose score was computed
};

class TextSearch {
 public:
  // `totals`, `record_count` and `sequence` are those of one snapshot. The index must outlive the search.
  TextSearch(const TextIndex& index, const TextTotals& totals, RecordNo record_count, Sequence sequence,
             std::string_view text, const Bm25& model);

  // Best first; equal scores by judge.before(). Only items with at least one of the words.
  std::vector<TextHit> best(std::size_t k, const TextJudge& judge, TextCounters* counters) const;
  // Scores of these records, ascending; 0 where no word occurs.
  std::vector<float> scores(const std::vector<RecordNo>& records) const;
  // Whether the query has this word; for highlights.
  bool has_word(std::string_view folded) const noexcept;

 private:
  struct List {
    const Term* term;
    double weight;  // field weight * count in the query * idf
    double average_length;
    double bound;
  };
  class Cursor;
  double contribution(const List& list, double frequency, double length) const noexcept;

  const TextIndex& index_;
  const RecordNo record_count_;
  const double k1_, b_;
  std::vector<std::string> words_;  // distinct, ascending
  std::vector<List> lists_;  // in the order of the sum
};

}  // namespace sagedb
