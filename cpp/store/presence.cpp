#include "store/presence.h"

#include <algorithm>
#include <new>

#include "base/status.h"

namespace sagedb {

Presence::Presence(Row capacity) : Presence(nullptr, 0, capacity) {}

Presence::Presence(const Presence* other, Row rows, Row capacity)
    : capacity_(std::max<Row>(64, (capacity + 63) / 64 * 64)),
      words_(new(std::nothrow) std::uint64_t[capacity_ / 64]()) {
  if (!words_) throw Error(ErrorCode::OUT_OF_MEMORY, "not enough memory for the rows of a space");
  const Row whole = rows / 64;
  for (Row w = 0; w < whole; ++w) words_[w] = other != nullptr ? load_word(other->words() + w) : ~std::uint64_t{0};
  for (Row r = whole * 64; r < rows; ++r) put(r, other == nullptr || other->has(r));
}

void Presence::put(Row r, bool present) noexcept {
  std::uint64_t* const word = words_.get() + (r >> 6);
  const std::uint64_t bit = std::uint64_t{1} << (r & 63);
  // Also clears: a commit that failed may have set it for other rows of these numbers.
  if (present) {
    __atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
  } else {
    __atomic_fetch_and(word, ~bit, __ATOMIC_RELAXED);
  }
}

Row Presence::count(Row rows) const noexcept {
  Row n = 0;
  for (Row w = 0; w < rows / 64; ++w) n += static_cast<Row>(__builtin_popcountll(load_word(words() + w)));
  for (Row r = rows / 64 * 64; r < rows; ++r) n += has(r) ? 1 : 0;
  return n;
}

std::shared_ptr<Presence> with_room(const std::shared_ptr<Presence>& map, Row known, Row rows) {
  if (map && map->capacity() >= rows) return map;
  return std::make_shared<Presence>(map.get(), known, std::max<Row>(1024, rows + rows / 2));
}

}  // namespace sagedb
