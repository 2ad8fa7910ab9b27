#include "text/text_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "text/tokenizer.h"

namespace sagedb {
namespace {

// Bounds are sums in another order than scores: room for what rounding makes of that, and of the score's own rounding to a float.
constexpr double kSlack = 1 + 1e-6;

using Block = BlockChain<Posting, Impact>::Block;

// Keeps the best k. The worst of them is in front.
class BestHits {
 public:
  BestHits(std::size_t k, const TextJudge& judge) : k_(k), judge_(judge) {}
  // Nothing below this score can enter.
  float threshold() const noexcept { return hits_.size() < k_ ? -1.0f : hits_.front().score; }
  void offer(TextHit hit) {
    const auto order = [this](const TextHit& a, const TextHit& b) { return better(a, b); };
    if (hits_.size() == k_) {
      if (!better(hit, hits_.front())) return;
      std::pop_heap(hits_.begin(), hits_.end(), order);
      hits_.back() = hit;
    } else {
      hits_.push_back(hit);
    }
    std::push_heap(hits_.begin(), hits_.end(), order);
  }
  std::vector<TextHit> take() {
    std::sort_heap(hits_.begin(), hits_.end(), [this](const TextHit& a, const TextHit& b) { return better(a, b); });
    return std::move(hits_);
  }

 private:
  bool better(const TextHit& a, const TextHit& b) const noexcept {
    return a.score != b.score ? a.score > b.score : judge_.before(a.record, b.record);
  }
  const std::size_t k_;
  const TextJudge& judge_;
  std::vector<TextHit> hits_;
};

}  // namespace

// Walks one posting list up to the snapshot's record count.
class TextSearch::Cursor {
 public:
  Cursor(const List& list, RecordNo record_count) : list_(&list), limit_(record_count) {
    enter(list.term->postings.first());
  }
  // kNoRecord at the end.
  RecordNo record() const noexcept { return block_ == nullptr ? kNoRecord : items_[at_].record; }
  std::uint32_t frequency() const noexcept { return items_[at_].frequency; }
  const List& list() const noexcept { return *list_; }
  const Impact& block_impact() const noexcept { return block_->summary; }
  std::uint64_t seen() const noexcept { return seen_; }

  void next() noexcept {
    ++seen_;
    if (++at_ >= count_)
      enter(block_->next.load(std::memory_order_acquire));
    else if (items_[at_].record >= limit_)
      block_ = nullptr;
  }
  void skip_block() noexcept { enter(block_->next.load(std::memory_order_acquire)); }
  // The first record at or after `target`.
  void seek(RecordNo target) noexcept {
    while (block_ != nullptr && items_[count_ - 1].record < target) skip_block();
    if (block_ == nullptr) return;
    const Posting* found = std::lower_bound(items_ + at_, items_ + count_, target,
                                            [](const Posting& p, RecordNo r) { return p.record < r; });
    at_ = static_cast<std::uint32_t>(found - items_);
    ++seen_;
    if (items_[at_].record >= limit_) block_ = nullptr;
  }

 private:
  void enter(const Block* block) noexcept {
    block_ = block;
    at_ = 0;
    if (block == nullptr) return;
    count_ = block->count.load(std::memory_order_acquire);
    items_ = block->items();
    // An empty block was reserved and not yet used; everything behind it is, too.
    if (count_ == 0 || items_[0].record >= limit_) block_ = nullptr;
  }
  const List* list_;
  const RecordNo limit_;
  const Block* block_ = nullptr;
  const Posting* items_ = nullptr;
  std::uint32_t at_ = 0, count_ = 0;
  std::uint64_t seen_ = 0;
};

TextSearch::TextSearch(const TextIndex& index, const TextTotals& totals, RecordNo record_count, Sequence sequence,
                       std::string_view text, const Bm25& model)
    : index_(index), record_count_(record_count), k1_(model.k1), b_(model.b) {
  std::vector<std::pair<std::string, double>> words;  // in the order of the query
  Tokenizer tokenizer(text);
  for (Word word; tokenizer.next(word);) {
    const auto known = std::find_if(words.begin(), words.end(), [&](const auto& w) { return w.first == word.text; });
    if (known != words.end())
      known->second += 1;
    else
      words.emplace_back(std::string(word.text), 1.0);
  }
  const TermTable::View terms = index.terms();
  for (std::uint32_t f = 0; f < totals.size(); ++f) {
    if (!(model.weights[f] > 0) || totals[f].items == 0) continue;
    const auto n = static_cast<double>(totals[f].items);
    const double average = static_cast<double>(totals[f].words) / n;
    for (const auto& [word, count] : words) {
      const Term* term = terms.find(f, word);
      if (term == nullptr) continue;
      const auto df =
          static_cast<double>(term->postings_below(record_count)) - static_cast<double>(term->deaths_until(sequence));
      if (!(df > 0)) continue;
      const double idf = std::log(1 + (n - df + 0.5) / (df + 0.5));
      List list{term, model.weights[f] * count * idf, average, 0};
      list.bound = contribution(list, term->impact.max_frequency.load(std::memory_order_relaxed),
                                term->impact.min_length.load(std::memory_order_relaxed));
      lists_.push_back(list);
    }
  }
  for (auto& word : words) words_.push_back(std::move(word.first));
  std::sort(words_.begin(), words_.end());
}

bool TextSearch::has_word(std::string_view folded) const noexcept {
  return std::binary_search(words_.begin(), words_.end(), folded, std::less<>());
}

double TextSearch::contribution(const List& list, double frequency, double length) const noexcept {
  return list.weight * (frequency * (k1_ + 1) / (frequency + k1_ * (1 - b_ + b_ * length / list.average_length)));
}

std::vector<TextHit> TextSearch::best(std::size_t k, const TextJudge& judge, TextCounters* counters) const {
  const std::size_t n = lists_.size();
  // By bound, ascending: the lists before `first` cannot lift an item into the best k by themselves.
  std::vector<Cursor> cursors;
  std::vector<std::size_t> place(n);  // position in the sum
  for (std::size_t i = 0; i < n; ++i) place[i] = i;
  std::sort(place.begin(), place.end(),
            [&](std::size_t a, std::size_t b) { return lists_[a].bound < lists_[b].bound; });
  std::vector<double> reach(n + 1, 0);  // reach[i]: what the first i lists can add
  for (std::size_t i = 0; i < n; ++i) {
    cursors.emplace_back(lists_[place[i]], record_count_);
    reach[i + 1] = reach[i] + lists_[place[i]].bound * kSlack;
  }
  const auto add = [&](const Cursor& c) {
    return contribution(c.list(), c.frequency(), index_.length(c.list().term->field, c.record()));
  };
  BestHits hits(k, judge);
  std::vector<double> parts(n);
  std::uint64_t scored = 0;
  std::size_t first = 0;
  for (;;) {
    const auto threshold = static_cast<double>(hits.threshold());
    while (first < n && reach[first + 1] < threshold) ++first;
    if (first == n) break;
    if (first + 1 == n) {
      Cursor& driver = cursors[first];
      while (driver.record() != kNoRecord) {
        const Impact& impact = driver.block_impact();
        const double bound = contribution(driver.list(), impact.max_frequency.load(std::memory_order_relaxed),
                                          impact.min_length.load(std::memory_order_relaxed));
        if (bound * kSlack + reach[first] >= threshold) break;
        driver.skip_block();
      }
    }
    RecordNo record = kNoRecord;
    for (std::size_t i = first; i < n; ++i) record = std::min(record, cursors[i].record());
    if (record == kNoRecord) break;
    std::fill(parts.begin(), parts.end(), 0.0);
    double sum = 0;
    for (std::size_t i = first; i < n; ++i) {
      if (cursors[i].record() != record) continue;
      sum += parts[place[i]] = add(cursors[i]);
      cursors[i].next();
    }
    if (sum * kSlack + reach[first] < threshold || !judge.accepts(record)) continue;
    bool possible = true;
    for (std::size_t i = first; i-- > 0 && possible;) {
      cursors[i].seek(record);
      if (cursors[i].record() == record) sum += parts[place[i]] = add(cursors[i]);
      possible = sum * kSlack + reach[i] >= threshold;
    }
    if (!possible) continue;
    double score = 0;
    for (const double part : parts) score += part;
    hits.offer({static_cast<float>(score), record});
    ++scored;
  }
  if (counters != nullptr) {
    counters->words = n;
    counters->scored = scored;
    for (const Cursor& c : cursors) counters->postings += c.seen();
  }
  return hits.take();
}

std::vector<float> TextSearch::scores(const std::vector<RecordNo>& records) const {
  std::vector<double> sums(records.size());
  for (const List& list : lists_) {
    Cursor cursor(list, record_count_);
    for (std::size_t i = 0; i < records.size() && cursor.record() != kNoRecord; ++i) {
      cursor.seek(records[i]);
      if (cursor.record() == records[i])
        sums[i] += contribution(list, cursor.frequency(), index_.length(list.term->field, records[i]));
    }
  }
  return std::vector<float>(sums.begin(), sums.end());
}

}  // namespace sagedb
