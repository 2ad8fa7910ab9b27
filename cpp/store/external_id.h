// Ids as the caller knows them: a safe integer (|n| <= 2^53 - 1) or a string (WTF-8, so that lone surrogates of JavaScript
// strings survive).
//
// Order (ties in results): numbers before strings; numbers ascending; strings by UTF-16 code unit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace sagedb {

inline constexpr std::int64_t kMaxSafeInteger = (std::int64_t{1} << 53) - 1;
inline constexpr bool is_safe_integer(std::int64_t n) { return n <= kMaxSafeInteger && n >= -kMaxSafeInteger; }

struct IdView {
  bool is_string = false;
  std::int64_t number = 0;
  std::string_view text;
};

class ExternalId {
 public:
  ExternalId() = default;
  explicit ExternalId(std::int64_t number) : number_(number) {}
  explicit ExternalId(std::string text) : is_string_(true), text_(std::move(text)) {}
  explicit ExternalId(const IdView& v) : is_string_(v.is_string), number_(v.number), text_(v.text) {}
  bool is_string() const noexcept { return is_string_; }
  std::int64_t number() const noexcept { return number_; }
  const std::string& text() const noexcept { return text_; }
  IdView view() const noexcept { return IdView{is_string_, number_, text_}; }

 private:
  bool is_string_ = false;
  std::int64_t number_ = 0;
  std::string text_;
};

bool operator==(const IdView& a, const IdView& b) noexcept;
// -1, 0, 1 in the order above.
int compare_ids(const IdView& a, const IdView& b) noexcept;
std::uint64_t hash_id(const IdView& id) noexcept;
std::string id_to_string(const IdView& id);  // for messages: 42 or "abc"

}  // namespace sagedb
