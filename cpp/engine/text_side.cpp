#include "engine/text_side.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "text/tokenizer.h"

namespace sagedb {
namespace {

// Length of a snippet in UTF-16 units, before it is widened to whole words.
constexpr std::uint32_t kSnippet = 160;

class SnapshotJudge final : public TextJudge {
 public:
  SnapshotJudge(const Snapshot& snapshot, const RowSet* allowed) : snapshot_(snapshot), allowed_(allowed) {}
  bool accepts(RecordNo r) const override {
    const RecordStore& records = snapshot_.generation->records;
    if (!records.live(r, snapshot_.sequence)) return false;
    if (allowed_ == nullptr) return true;
    const Row row = records.row(r);
    return ((allowed_->words[row >> 6] >> (row & 63)) & 1) != 0;
  }
  bool before(RecordNo a, RecordNo b) const noexcept override {
    const RecordStore& records = snapshot_.generation->records;
    return compare_ids(records.id(a), records.id(b)) < 0;
  }

 private:
  const Snapshot& snapshot_;
  const RowSet* allowed_;
};

std::vector<double> checked_weights(const Snapshot& snapshot, const TextRequest& request) {
  const std::size_t fields = snapshot.text_index->fields().size();
  if (fields == 0) throw Error(ErrorCode::INVALID_ARGUMENT, "text: the database was opened without textFields");
  if (request.weights.empty()) return std::vector<double>(fields, 1.0);
  const bool good =
      std::all_of(request.weights.begin(), request.weights.end(), [](double w) { return std::isfinite(w) && w >= 0; });
  if (request.weights.size() != fields || !good)
    throw Error(ErrorCode::INVALID_ARGUMENT, "fields: expected one weight of at least 0 per text field");
  return request.weights;
}

struct Range {
  std::uint32_t begin, end;
};

// The window of about kSnippet units with the most ranges, the first of equals, at word boundaries.
Range snippet_of(const std::vector<Range>& ranges, const std::vector<Range>& words, std::uint32_t length) {
  if (length <= kSnippet) return {0, length};
  std::size_t best = 0, most = 0;
  for (std::size_t i = 0, j = 0; i < ranges.size(); ++i) {
    j = std::max(j, i);
    while (j + 1 < ranges.size() && ranges[j + 1].end - ranges[i].begin <= kSnippet) ++j;
    if (j - i + 1 > most) most = j - i + 1, best = i;
  }
  const std::uint32_t covered = ranges[best + most - 1].end - ranges[best].begin;
  const std::uint32_t before = covered < kSnippet ? (kSnippet - covered) / 2 : 0;
  const std::uint32_t wanted = ranges[best].begin - std::min(before, ranges[best].begin);
  Range out{ranges[best].begin, ranges[best + most - 1].end};
  for (const Range& word : words) {
    if (word.begin >= wanted && word.begin < out.begin) out.begin = word.begin;
    if (word.end > out.end && word.end <= std::max(out.end, wanted + kSnippet)) out.end = word.end;
  }
  return out;
}

}  // namespace

TextSide::TextSide(const Snapshot& snapshot, const TextRequest& request)
    : snapshot_(snapshot),
      weights_(checked_weights(snapshot, request)),
      search_(*snapshot.text_index, snapshot.text, snapshot.record_count, snapshot.sequence, request.text,
              Bm25{request.k1, request.b, weights_}) {}

std::vector<ScoredRecord> TextSide::best(std::size_t k, const RowSet* allowed, Explain* explain) const {
  TextCounters counters;
  const std::vector<TextHit> hits =
      search_.best(k, SnapshotJudge(snapshot_, allowed), explain != nullptr ? &counters : nullptr);
  if (explain != nullptr) {
    explain->plans.emplace_back("text");
    explain->text_words = counters.words;
    explain->text_postings = counters.postings;
    explain->text_scored = counters.scored;
  }
  std::vector<ScoredRecord> out;
  out.reserve(hits.size());
  for (const TextHit& hit : hits) out.push_back({hit.score, hit.record});
  return out;
}

std::vector<float> TextSide::scores(const std::vector<RecordNo>& records) const {
  std::vector<std::size_t> order(records.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return records[a] < records[b]; });
  std::vector<RecordNo> ascending;
  for (const std::size_t i : order) ascending.push_back(records[i]);
  const std::vector<float> found = search_.scores(ascending);
  std::vector<float> out(records.size());
  for (std::size_t i = 0; i < order.size(); ++i) out[order[i]] = found[i];
  return out;
}

void TextSide::highlight(const ScoredRecord* records, std::size_t count, std::vector<std::uint32_t>& out) const {
  const Generation& g = *snapshot_.generation;
  std::vector<Range> ranges, words;
  std::string scratch;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t number_at = out.size();
    out.push_back(0);
    const ValueRef document(g.metadata.document(records[i].record, &scratch));
    for (std::uint32_t field = 0; field < weights_.size(); ++field) {
      if (!(weights_[field] > 0)) continue;
      snapshot_.text_index->texts_of(field, document, [&](std::uint32_t element, std::string_view text) {
        ranges.clear();
        words.clear();
        Tokenizer tokenizer(text);
        for (Word word; tokenizer.next(word);) {
          words.push_back({word.begin, word.end});
          if (search_.has_word(word.text)) ranges.push_back({word.begin, word.end});
        }
        if (ranges.empty()) return;
        const Range snippet = snippet_of(ranges, words, tokenizer.position());
        ++out[number_at];
        out.insert(out.end(), {field, element, snippet.begin, snippet.end, static_cast<std::uint32_t>(ranges.size())});
        for (const Range& range : ranges) out.insert(out.end(), {range.begin, range.end});
      });
    }
  }
}

}  // namespace sagedb
