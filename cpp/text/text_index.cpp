#include "text/text_index.h"

#include <algorithm>

#include "base/status.h"
#include "text/tokenizer.h"

namespace sagedb {

TextIndex::TextIndex(std::vector<std::string> fields) : fields_(std::move(fields)) {
  for (std::size_t f = 0; f < fields_.size(); ++f)
    lengths_.push_back(std::make_unique<BlockArray<std::uint32_t>>(1024));
}

DocumentWords TextIndex::words_of(ValueRef document) const {
  using Entry = DocumentWords::Entry;
  DocumentWords out;
  out.lengths.assign(fields_.size(), 0);
  for (std::uint32_t field = 0; field < fields_.size(); ++field) {
    texts_of(field, document, [&](std::uint32_t, std::string_view text) {
      Tokenizer tokenizer(text);
      for (Word word; tokenizer.next(word); ++out.lengths[field]) {
        out.entries.push_back({hash_term(field, word.text), field, static_cast<std::uint32_t>(out.bytes.size()),
                               static_cast<std::uint32_t>(word.text.size()), 1});
        out.bytes += word.text;
      }
    });
  }
  const auto same = [&](const Entry& a, const Entry& b) {
    return a.hash == b.hash && a.field == b.field && out.text(a) == out.text(b);
  };
  std::sort(out.entries.begin(), out.entries.end(), [&](const Entry& a, const Entry& b) {
    if (a.hash != b.hash) return a.hash < b.hash;
    return a.field != b.field ? a.field < b.field : out.text(a) < out.text(b);
  });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < out.entries.size(); ++i) {
    if (kept > 0 && same(out.entries[kept - 1], out.entries[i])) {
      ++out.entries[kept - 1].frequency;
    } else {
      out.entries[kept++] = out.entries[i];
    }
  }
  out.entries.resize(kept);
  return out;
}

void TextIndex::release() noexcept {
  for (; next_added_ < added_.size(); ++next_added_)
    for (const auto& term : added_[next_added_].terms) term.first->postings.release();
  for (; next_died_ < died_.size(); ++next_died_)
    for (const auto& term : died_[next_died_].terms) term.first->deaths.release();
  added_.clear();
  died_.clear();
  next_added_ = next_died_ = 0;
}

void TextIndex::reserve(const std::vector<DocumentWords>& added, RecordNo first,
                        const std::vector<DocumentWords>& died) {
  if (!enabled()) return;
  release();
  try {
    for (const DocumentWords& words : added) {
      added_.push_back({{}, words.lengths});
      added_.back().terms.reserve(words.entries.size());
      for (const DocumentWords::Entry& e : words.entries) {
        Term* term = terms_.insert(e.field, words.text(e), e.hash, arena_);
        added_.back().terms.emplace_back(term, e.frequency);
        term->postings.reserve(arena_);
      }
    }
    for (const DocumentWords& words : died) {
      died_.push_back({{}, words.lengths});
      died_.back().terms.reserve(words.entries.size());
      for (const DocumentWords::Entry& e : words.entries) {
        // Words of an item were indexed when it was written.
        Term* term = terms_.find(e.field, words.text(e), e.hash);
        if (term == nullptr) throw Error(ErrorCode::INTERNAL, "a word of a removed item is not in the text index");
        died_.back().terms.emplace_back(term, e.frequency);
        term->deaths.reserve(arena_);
      }
    }
    for (const auto& lengths : lengths_) lengths->ensure(first + static_cast<RecordNo>(added.size()));
  } catch (const std::bad_alloc&) {
    release();
    throw Error(ErrorCode::OUT_OF_MEMORY, "out of memory");
  } catch (...) {
    release();
    throw;
  }
}

void TextIndex::account(TextTotals* totals) const noexcept {
  const auto apply = [&](const std::vector<Pending>& list, std::uint64_t sign) {
    for (const Pending& p : list)
      for (std::size_t f = 0; f < p.lengths.size(); ++f) {
        (*totals)[f].items += p.lengths[f] > 0 ? sign : 0;
        (*totals)[f].words += sign * p.lengths[f];
      }
  };
  apply(added_, 1);
  apply(died_, ~std::uint64_t{0});  // minus one
}

void TextIndex::append(RecordNo r) noexcept {
  if (!enabled()) return;
  const Pending& p = added_[next_added_++];
  for (std::size_t f = 0; f < p.lengths.size(); ++f) (*lengths_[f])[r] = p.lengths[f];
  for (const auto& [term, frequency] : p.terms) {
    const std::uint32_t length = p.lengths[term->field];
    term->impact.include(frequency, length);
    term->postings.append({r, frequency}, [&, f = frequency](Impact& impact) { impact.include(f, length); });
    const std::uint64_t count = (term->tip.load(std::memory_order_relaxed) >> 32) + 1;
    term->tip.store(count << 32 | r, std::memory_order_release);
  }
}

void TextIndex::bury(Sequence sequence) noexcept {
  if (!enabled()) return;
  for (const auto& entry : died_[next_died_++].terms) entry.first->deaths.append(sequence, [](NoSummary&) {});
}

std::size_t TextIndex::bytes() const noexcept {
  std::size_t total = arena_.bytes() + terms_.bytes();
  for (const auto& lengths : lengths_) total += lengths->bytes();
  return total;
}

}  // namespace sagedb
