// Text -> words: runs of letters, digits and marks, case folded (Unicode's simple folding). In scripts that are written without spaces every
// character, with its marks, is a word. No stemming, no stop words, no normalisation.
//
// Thread safety: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sagedb {

struct Word {
  std::string_view text;  // folded; valid until the next call
  std::uint32_t begin = 0, end = 0;  // in UTF-16 units of the text
};

class Tokenizer {
 public:
  // `text` is WTF-8; malformed bytes and lone surrogates separate words.
  explicit Tokenizer(std::string_view text) : text_(text) {}
  bool next(Word& word);
  // UTF-16 units read so far: the length of the text once next() gave false.
  std::uint32_t position() const noexcept { return units_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t units_ = 0;
  std::string folded_;
};

// The character that stands for all that equal it when case is ignored.
std::uint32_t fold_case(std::uint32_t code_point) noexcept;

}  // namespace sagedb
