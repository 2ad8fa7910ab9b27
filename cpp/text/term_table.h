// The terms of a text index: (field, word) -> posting list. Readers look terms up without a lock.
//
// Thread safety: insert() by the one writer; find() by anyone through a View.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/published_ptr.h"
#include "base/types.h"
#include "text/block_chain.h"

namespace sagedb {

struct Posting {
  RecordNo record;
  std::uint32_t frequency;
};

// What bounds the score of every posting of a block or list: no frequency is above, no field shorter.
struct Impact {
  std::atomic<std::uint32_t> max_frequency{0};
  std::atomic<std::uint32_t> min_length{0xFFFFFFFFu};
  void include(std::uint32_t frequency, std::uint32_t length) noexcept {
    if (frequency > max_frequency.load(std::memory_order_relaxed))
      max_frequency.store(frequency, std::memory_order_relaxed);
    if (length < min_length.load(std::memory_order_relaxed)) min_length.store(length, std::memory_order_relaxed);
  }
};
struct NoSummary {};

struct Term {
  Term(std::uint32_t f, std::string_view t, std::uint64_t h) : field(f), text(t), hash(h) {}
  const std::uint32_t field;
  const std::string_view text;
  const std::uint64_t hash;
  BlockChain<Posting, Impact> postings;
  BlockChain<Sequence, NoSummary> deaths;  // when records of the list died, ascending
  std::atomic<std::uint64_t> tip{0};       // number of postings << 32 | record of the last
  Impact impact;

  // Records below `record_count`, alive or not.
  std::uint32_t postings_below(RecordNo record_count) const noexcept;
  std::uint32_t deaths_until(Sequence sequence) const noexcept;
};

std::uint64_t hash_term(std::uint32_t field, std::string_view text) noexcept;

class TermTable {
  struct Slots {
    explicit Slots(std::size_t n) : mask(n - 1), terms(new std::atomic<Term*>[n]()) {}
    const std::size_t mask;  // size - 1, a power of two less one
    const std::unique_ptr<std::atomic<Term*>[]> terms;
  };

 public:
  TermTable();
  class View {
   public:
    explicit View(std::shared_ptr<const Slots> slots) : slots_(std::move(slots)) {}
    const Term* find(std::uint32_t field, std::string_view text) const noexcept;

   private:
    std::shared_ptr<const Slots> slots_;
  };
  View view() const { return View(slots_.load()); }

  // The term, made when it is new. Throws std::bad_alloc.
  Term* insert(std::uint32_t field, std::string_view text, std::uint64_t hash, BumpArena& arena);
  // The term, or null. By the writer.
  Term* find(std::uint32_t field, std::string_view text, std::uint64_t hash) const noexcept;
  std::size_t bytes() const noexcept { return bytes_.load(std::memory_order_relaxed); }

 private:
  static std::atomic<Term*>& slot_of(const Slots& slots, std::uint32_t field, std::string_view text,
                                     std::uint64_t hash) noexcept;
  void grow();

  std::shared_ptr<const Slots> current_;  // the writer's own reference
  published_ptr<const Slots> slots_;
  std::size_t used_ = 0;
  std::atomic<std::size_t> bytes_{0};
};

}  // namespace sagedb
