#include "text/tokenizer.h"

#include <algorithm>
#include <iterator>

#include "base/wtf8.h"
#include "text/unicode_tables_impl.h"

namespace sagedb {
namespace {

using unicode::WordClass;

WordClass class_of(std::uint32_t c) noexcept {
  if (c < 0x80) {
    const std::uint32_t lower = c | 0x20;
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ? WordClass::word : WordClass::none;
  }
  const auto* range = std::upper_bound(std::begin(unicode::kClassRanges), std::end(unicode::kClassRanges), c,
                                       [](std::uint32_t v, const unicode::ClassRange& r) { return v < r.first; });
  if (range == std::begin(unicode::kClassRanges)) return WordClass::none;
  --range;
  return c <= range->last ? range->kind : WordClass::none;
}

}  // namespace

std::uint32_t fold_case(std::uint32_t c) noexcept {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 0x20 : c;
  const auto* run = std::upper_bound(std::begin(unicode::kFoldRuns), std::end(unicode::kFoldRuns), c,
                                     [](std::uint32_t v, const unicode::FoldRun& r) { return v < r.first; });
  if (run == std::begin(unicode::kFoldRuns)) return c;
  --run;
  if (c > run->last || (c - run->first) % run->step != 0) return c;
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(c) + run->delta);
}

bool Tokenizer::next(Word& word) {
  folded_.clear();
  bool single = false;
  while (at_ < text_.size()) {
    std::size_t after = at_;
    std::uint32_t c = 0;
    const bool sound = read_wtf8(text_, after, c);
    const WordClass kind = sound ? class_of(c) : WordClass::none;
    if (!sound) after = at_ + 1;
    const bool started = !folded_.empty();
    const bool continues = kind == WordClass::mark || (kind == WordClass::word && !single);
    if (started && !continues) break;
    const std::uint32_t before = units_;
    at_ = after;
    units_ += c > 0xFFFF ? 2 : 1;
    if (kind == WordClass::none) continue;
    if (!started) word.begin = before;
    single = single || kind == WordClass::single;
    append_wtf8(folded_, fold_case(c));
    word.end = units_;
  }
  word.text = folded_;
  return !folded_.empty();
}

}  // namespace sagedb
