#include "text/term_table.h"

#include <cstring>
#include <functional>

namespace sagedb {
namespace {
constexpr std::size_t kFirstSlots = 64;
}

std::uint64_t hash_term(std::uint32_t field, std::string_view text) noexcept {
  std::uint64_t h = std::hash<std::string_view>()(text) + field * 0x9E3779B97F4A7C15ull;
  h ^= h >> 32;
  return h * 0x9E3779B97F4A7C15ull;
}

std::uint32_t Term::postings_below(RecordNo record_count) const noexcept {
  const std::uint64_t end = tip.load(std::memory_order_acquire);
  const auto count = static_cast<std::uint32_t>(end >> 32);
  if (count == 0 || static_cast<RecordNo>(end) < record_count) return count;
  std::uint32_t below = 0;
  for (const auto* block = postings.first(); block != nullptr; block = block->next.load(std::memory_order_acquire)) {
    const std::uint32_t n = block->count.load(std::memory_order_acquire);
    const Posting* items = block->items();
    if (n > 0 && items[n - 1].record < record_count) {
      below += n;
      continue;
    }
    return below +
           static_cast<std::uint32_t>(std::lower_bound(items, items + n, record_count,
                                                       [](const Posting& p, RecordNo r) { return p.record < r; }) -
                                      items);
  }
  return below;
}

std::uint32_t Term::deaths_until(Sequence sequence) const noexcept {
  std::uint32_t total = 0;
  for (const auto* block = deaths.first(); block != nullptr; block = block->next.load(std::memory_order_acquire)) {
    const std::uint32_t n = block->count.load(std::memory_order_acquire);
    const Sequence* items = block->items();
    if (n > 0 && items[n - 1] <= sequence) {
      total += n;
      continue;
    }
    return total + static_cast<std::uint32_t>(std::upper_bound(items, items + n, sequence) - items);
  }
  return total;
}

TermTable::TermTable() : current_(std::make_shared<const Slots>(kFirstSlots)), slots_(current_) {
  bytes_ = kFirstSlots * sizeof(Term*);
}

std::atomic<Term*>& TermTable::slot_of(const Slots& slots, std::uint32_t field, std::string_view text,
                                       std::uint64_t hash) noexcept {
  // The high bits are the well mixed ones.
  for (std::size_t i = static_cast<std::size_t>(hash >> 20);; ++i) {
    std::atomic<Term*>& slot = slots.terms[i & slots.mask];
    const Term* term = slot.load(std::memory_order_acquire);
    if (term == nullptr || (term->hash == hash && term->field == field && term->text == text)) return slot;
  }
}

const Term* TermTable::View::find(std::uint32_t field, std::string_view text) const noexcept {
  return slot_of(*slots_, field, text, hash_term(field, text)).load(std::memory_order_acquire);
}

Term* TermTable::find(std::uint32_t field, std::string_view text, std::uint64_t hash) const noexcept {
  return slot_of(*current_, field, text, hash).load(std::memory_order_relaxed);
}

Term* TermTable::insert(std::uint32_t field, std::string_view text, std::uint64_t hash, BumpArena& arena) {
  if (Term* known = find(field, text, hash)) return known;
  if ((used_ + 1) * 2 > current_->mask + 1) grow();
  char* memory = arena.allocate(sizeof(Term) + text.size());
  char* copy = memory + sizeof(Term);
  std::memcpy(copy, text.data(), text.size());
  Term* term = new (memory) Term(field, {copy, text.size()}, hash);
  slot_of(*current_, field, text, hash).store(term, std::memory_order_release);
  ++used_;
  return term;
}

void TermTable::grow() {
  auto next = std::make_shared<Slots>((current_->mask + 1) * 2);
  for (std::size_t i = 0; i <= current_->mask; ++i)
    if (Term* term = current_->terms[i].load(std::memory_order_relaxed))
      slot_of(*next, term->field, term->text, term->hash).store(term, std::memory_order_relaxed);
  std::shared_ptr<const Slots> slots = std::move(next);
  slots_.store(slots);
  current_ = std::move(slots);
  bytes_ = (current_->mask + 1) * sizeof(Term*);
}

}  // namespace sagedb
