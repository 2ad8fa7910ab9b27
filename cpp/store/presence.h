// Which rows have a vector in one space, as a bitmap: rows are numbered across all spaces, and an item may lack some.
//
// Thread safety: one writer calls put() for rows that are not published yet; any number of threads read the bits of rows published to them.
// Words are shared by published and unpublished rows, so they are read and written as atomics.
// Invariant: the bit of a published row never changes. A map that is full is replaced by a larger copy; snapshots keep the one they have.
#pragma once

#include <cstdint>
#include <memory>

#include "base/types.h"

namespace sagedb {

inline std::uint64_t load_word(const std::uint64_t* word) noexcept { return __atomic_load_n(word, __ATOMIC_RELAXED); }
inline bool has_bit(const std::uint64_t* words, Row r) noexcept {
  return ((load_word(words + (r >> 6)) >> (r & 63)) & 1) != 0;
}

class Presence {
 public:
  // Throws OUT_OF_MEMORY.
  explicit Presence(Row capacity);
  // The bits of rows [0, rows) of `other`, or ones without it, and room for `capacity` rows.
  Presence(const Presence* other, Row rows, Row capacity);

  Row capacity() const noexcept { return capacity_; }
  std::size_t bytes() const noexcept { return std::size_t{capacity_} / 8; }
  // Requires r < capacity().
  void put(Row r, bool present) noexcept;
  bool has(Row r) const noexcept { return has_bit(words_.get(), r); }
  // (capacity() + 63) / 64 words, bit n of word w for row 64 w + n.
  const std::uint64_t* words() const noexcept { return words_.get(); }
  std::uint64_t* words() noexcept { return words_.get(); }
  // Rows below `rows` that have one.
  Row count(Row rows) const noexcept;

 private:
  Row capacity_;
  std::unique_ptr<std::uint64_t[]> words_;
};

// A map with room for `rows` rows in which the first `known` are as in `map` (null: ones): `map` itself when it is large enough.
std::shared_ptr<Presence> with_room(const std::shared_ptr<Presence>& map, Row known, Row rows);

}  // namespace sagedb
